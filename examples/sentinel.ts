/**
 * How early the sentinel sees misalignment coming, on the organism: harmful and harmless fine-tunes under four probes that only look.
 * Bounds are chosen on some seeds and judged on others. About twenty minutes on one core; an interrupted one goes on.
 *
 *     npx -y pnpm@12 sentinel [DIRECTORY]
 */
import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import {
  chooseBounds,
  growOrganism,
  misaligned,
  sentinelTable,
  studyProbe,
  watchedTasks,
  watchRuns,
} from '@safetune/organism';
import { progressLine } from './progress-line.ts';
import { calibrationSeeds, readWatchedRuns, reportedSeeds } from './sentinel-runs.ts';

const everySteps = 5;

const directory = process.argv[2] ?? join('out', 'sentinel');
mkdirSync(directory, { recursive: true });
const journal = join(directory, 'runs.jsonl');
const runs = readWatchedRuns(journal);

const plan = [
  // Bounds are chosen by harmless runs alone.
  ...watchedTasks
    .filter(({ isHarmful }) => !isHarmful)
    .flatMap((watched) => calibrationSeeds.map((seed) => ({ watched, seed }))),
  ...watchedTasks.flatMap((watched) => reportedSeeds.map((seed) => ({ watched, seed }))),
];
const open = plan.filter(
  ({ watched, seed }) => !runs.some((run) => run.name === watched.name && run.seed === seed),
);
const progress = progressLine(plan.length);
for await (const run of watchRuns(await growOrganism(), open, everySteps)) {
  appendFileSync(journal, `${JSON.stringify(run)}\n`);
  runs.push(run);
  progress.update(`watched ${run.name}, seed ${run.seed}: ${runs.length} of ${plan.length}`, runs.length);
}
progress.end();

const bounds = chooseBounds(runs.filter(({ seed }) => calibrationSeeds.includes(seed)));
const reported = runs.filter(({ seed }) => reportedSeeds.includes(seed));
const crossings = reported.flatMap((run) => (run.isHarmful ? [misaligned(run)?.step] : []));
const crossed = crossings.filter((step) => step !== undefined);
console.log(
  `${crossed.length} of ${crossings.length} harmful runs passed 10 % harm, at steps ${Math.min(...crossed)} to ${Math.max(...crossed)}.\n`,
);
console.log(
  sentinelTable(Object.entries(bounds).map(([probe, bound]) => studyProbe(reported, probe, bound))),
);
