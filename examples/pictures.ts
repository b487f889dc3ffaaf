/**
 * Draws the pictures of the pages, once for light and once for dark ones: the scorecard from the demo's report, what the sentinel sees from its
 * runs, from the test bed's commands the trade-off over strengths (of `demo --full --out out/full`), the spread over organisms and matched
 * data, and what a real model was measured to do. What has not been measured is left as it is.
 *
 *     npx -y pnpm@12 demo && npx -y pnpm@12 sentinel && npx -y pnpm@12 pictures
 */
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { chartInTheme } from '@safetune/eval';
import {
  chooseBounds,
  type ExperimentReport,
  type MatchedRow,
  matchedPicture,
  type OrganismSpread,
  scorecardPicture,
  sentinelPicture,
  spreadPicture,
  tradeOffPicture,
} from '@safetune/organism';
import { type Finding, studyPicture } from './real-model-study.ts';
import { calibrationSeeds, readWatchedRuns, reportedSeeds } from './sentinel-runs.ts';

const workspace = join(import.meta.dirname, '..');
const folder = join(workspace, 'docs/pictures');
await mkdir(folder, { recursive: true });

await drawFrom('out/demo/report.json', 'scorecard', ({ aligned, defenses }: ExperimentReport) =>
  scorecardPicture(aligned === null ? defenses : [aligned, ...defenses]),
);
await drawFrom('out/organisms/spread.json', 'organisms', ({ spread }: { readonly spread: OrganismSpread }) =>
  spreadPicture(spread),
);
await drawFrom('out/full/report.json', 'trade-off', ({ defenses }: ExperimentReport) =>
  tradeOffPicture(defenses),
);
await drawFrom('out/real-model/findings.json', 'real-model', (findings: readonly Finding[]) =>
  studyPicture(findings),
);
await drawFrom('out/matched/matched.json', 'matched', (rows: readonly MatchedRow[]) => matchedPicture(rows));

const runs = readWatchedRuns(join(workspace, 'out/sentinel/runs.jsonl'));
if (runs.length > 0) {
  const bounds = chooseBounds(runs.filter(({ seed }) => calibrationSeeds.includes(seed)));
  const reported = runs.filter(({ seed }) => reportedSeeds.includes(seed));
  await draw('sentinel', sentinelPicture(reported, bounds));
}

/** Draws what a command left in a JSON file, if it was run. */
async function drawFrom<Content>(
  path: string,
  name: string,
  picture: (content: Content) => string,
): Promise<void> {
  const file = join(workspace, path);
  if (existsSync(file)) await draw(name, picture(JSON.parse(await readFile(file, 'utf8')) as Content));
}

async function draw(name: string, picture: string): Promise<void> {
  for (const theme of ['light', 'dark'] as const) {
    const file = join(folder, `${name}-${theme}.svg`);
    await writeFile(file, `${chartInTheme(picture, theme)}\n`);
    console.log(relative(process.cwd(), file));
  }
}
