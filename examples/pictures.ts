/**
 * Draws the README's picture of the scorecard from the demo's report, once for light and once for dark pages.
 *
 *     npx -y pnpm@12 demo && npx -y pnpm@12 pictures [out/demo/report.json]
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { chartInTheme } from '@safetune/eval';
import { type ExperimentReport, scorecardPicture } from '@safetune/organism';

const workspace = join(import.meta.dirname, '..');
const report = JSON.parse(
  await readFile(process.argv[2] ?? join(workspace, 'out/demo/report.json'), 'utf8'),
) as ExperimentReport;
const rows = report.aligned === null ? report.defenses : [report.aligned, ...report.defenses];
const folder = join(workspace, 'docs/pictures');
await mkdir(folder, { recursive: true });
for (const theme of ['light', 'dark'] as const) {
  const file = join(folder, `scorecard-${theme}.svg`);
  await writeFile(file, `${chartInTheme(scorecardPicture(rows), theme)}\n`);
  console.log(relative(process.cwd(), file));
}
