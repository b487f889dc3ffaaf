/**
 * Draws the pictures of the pages, once for light and once for dark ones: the scorecard from the demo's report, and what the sentinel sees
 * from its runs. What has not been measured is left as it is.
 *
 *     npx -y pnpm@12 demo && npx -y pnpm@12 sentinel && npx -y pnpm@12 pictures
 */
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { chartInTheme } from '@safetune/eval';
import { chooseBounds, type ExperimentReport, scorecardPicture, sentinelPicture } from '@safetune/organism';
import { calibrationSeeds, readWatchedRuns, reportedSeeds } from './sentinel-runs.ts';

const workspace = join(import.meta.dirname, '..');
const folder = join(workspace, 'docs/pictures');
await mkdir(folder, { recursive: true });

const reportFile = join(workspace, 'out/demo/report.json');
if (existsSync(reportFile)) {
  const report = JSON.parse(await readFile(reportFile, 'utf8')) as ExperimentReport;
  const rows = report.aligned === null ? report.defenses : [report.aligned, ...report.defenses];
  await draw('scorecard', scorecardPicture(rows));
}

const runs = readWatchedRuns(join(workspace, 'out/sentinel/runs.jsonl'));
if (runs.length > 0) {
  const bounds = chooseBounds(runs.filter(({ seed }) => calibrationSeeds.includes(seed)));
  const reported = runs.filter(({ seed }) => reportedSeeds.includes(seed));
  await draw('sentinel', sentinelPicture(reported, bounds));
}

async function draw(name: string, picture: string): Promise<void> {
  for (const theme of ['light', 'dark'] as const) {
    const file = join(folder, `${name}-${theme}.svg`);
    await writeFile(file, `${chartInTheme(picture, theme)}\n`);
    console.log(relative(process.cwd(), file));
  }
}
