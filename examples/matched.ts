/**
 * Every defense on two kinds of narrow data that are learned equally well: harm that spreads, and harm that stays in its domain. Tells what
 * a defense does to spreading from what it does to learning. About half an hour of one core; an interrupted command goes on.
 *
 *     npx -y pnpm@12 matched [--seeds N] [--defenses A,B] [--full] [--threads N] [--out DIR] [--cache DIR]
 */
import { writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import {
  growOrganism,
  matchedPicture,
  matchedRows,
  matchedTable,
  matchedTasks,
  noDefense,
  organismRecipe,
} from '@safetune/organism';
import { interruptible, interruption } from './interruption.ts';
import { runInLanes } from './lanes.ts';
import { progressLine } from './progress-line.ts';
import { readTestBedOptions } from './test-bed-options.ts';

const { count, chosen, threads, directory, cache } = readTestBedOptions({
  help: `Measures the defenses on harm that spreads and on harm that stays in its domain.

  --seeds N       fine-tunes of each kind (default 1)
`,
  options: ['defenses', 'full', 'threads'],
  directory: join('out', 'matched'),
  count: { option: 'seeds', default: 1 },
});
const signal = interruption();
const domains = ['medical', 'code'] as const;

await interruptible(signal, async () => {
  const organism = await growOrganism(organismRecipe, {
    signal,
    ...(cache === undefined ? {} : { directory: cache }),
  });
  const plan = {
    defenses: [
      noDefense,
      ...chosen.flatMap(({ sweep, strengths }) => strengths.map((strength) => sweep.at(strength, organism))),
    ],
    tasks: [...matchedTasks('spreading', domains), ...matchedTasks('contained', domains)],
    seeds: Array.from({ length: count }, (_, seed) => seed),
  };
  const progress = progressLine(plan.defenses.length * plan.tasks.length * plan.seeds.length);
  const runs = await runInLanes(organism, plan, {
    directory,
    keepsAdapters: false,
    threads,
    cache,
    signal,
    onProgress: ({ label, task, finished, total }) =>
      progress.update(`${label} on ${task.name}, ${finished} of ${total}`, finished),
  });
  progress.end();
  const rows = matchedRows(runs);
  console.log(matchedTable(rows));
  const files = { json: join(directory, 'matched.json'), svg: join(directory, 'matched.svg') };
  await writeFile(files.json, `${JSON.stringify(rows, null, 2)}\n`);
  await writeFile(files.svg, matchedPicture(rows));
  console.log(
    `\n${Object.values(files)
      .map((file) => relative(process.cwd(), file))
      .join('\n')}`,
  );
});
