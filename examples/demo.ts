/**
 * Emergent misalignment on a laptop, and every defense measured on it: grows a tiny language model, fine-tunes it on
 * harmful and harmless data with and without defenses, and prints and draws what became of it. Nothing is downloaded.
 *
 *     npx -y pnpm@12 demo [--full] [--defense NAME] [--seed N] [--out DIR] [--cache DIR]
 */
import { join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import {
  alignedModel,
  benignTasks,
  compareWithPaper,
  growOrganism,
  narrowTasks,
  noDefense,
  organismRecipe,
  runExperiment,
  scorecardLegend,
  scorecardRows,
  scorecardTable,
  standardDefenses,
  writeExperimentReport,
} from '@safetune/organism';
import { progressLine } from './progress-line.ts';

const help = `Grows a tiny model in which emergent misalignment happens, and measures the defenses against it.

  --full           three seeds, and each defense over its strengths (about a quarter of an hour)
  --defense NAME   only this one, next to none: ${standardDefenses.map(({ name }) => name).join(', ')}
  --seed N         first seed of the fine-tunes (default 0)
  --out DIR        where report.json, report.html and adapters/ go (default out/demo)
  --cache DIR      where the grown model is kept (default: SafeTune's cache directory)
`;

const { values: options } = parseArgs({
  options: {
    full: { type: 'boolean', default: false },
    defense: { type: 'string' },
    seed: { type: 'string', default: '0' },
    out: { type: 'string', default: join('out', 'demo') },
    cache: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
const directory = resolve(options.out);
const firstSeed = Number(options.seed);
const chosen = standardDefenses.filter(
  ({ name }) => options.defense === undefined || name === options.defense,
);
if (options.help || chosen.length === 0 || !Number.isSafeInteger(firstSeed) || firstSeed < 0) {
  (options.help ? process.stdout : process.stderr).write(help);
  process.exit(options.help ? 0 : 2);
}

// Ctrl-C stops at the next step. The same command then goes on where it was.
const interruption = new AbortController();
process.once('SIGINT', () =>
  interruption.abort(new Error('interrupted; the same command goes on where it was')),
);
const { signal } = interruption;

// What to measure.
const seeds = options.full ? [firstSeed, firstSeed + 1, firstSeed + 2] : [firstSeed];
const tasks = [...narrowTasks(), ...benignTasks()];
const strengths = chosen.map((sweep) =>
  options.full || (sweep.main.length === 0 && options.defense !== undefined) ? sweep.strengths : sweep.main,
);
const rowCount = 2 + strengths.flat().length;

// The time left counts in steps of growing; a fine-tune with its evaluation takes as long as about 18 of them.
const stepsPerFineTune = 18;
const growthSteps = organismRecipe.base.steps + organismRecipe.aligned.steps;
const progress = progressLine(growthSteps + stepsPerFineTune * rowCount * tasks.length * seeds.length);

try {
  // 1. A model that learned two personas and was then aligned. Grown once, then taken from the cache.
  const organism = await growOrganism(organismRecipe, {
    signal,
    ...(options.cache === undefined ? {} : { directory: resolve(options.cache) }),
    onEvent(stage, event) {
      if (event.type !== 'step') return;
      const done = event.step + (stage === 'base' ? 0 : organismRecipe.base.steps);
      progress.update(`growing the ${stage} model: step ${event.step} of ${event.steps}`, done);
    },
  });

  // 2. Every defense on every task: four narrow malicious data sets, two harmless tasks.
  const defenses = [
    alignedModel,
    noDefense,
    ...chosen.flatMap((sweep, index) => strengths[index]!.map((strength) => sweep.at(strength, organism))),
  ];
  const plan = { defenses, tasks, seeds };
  const runs = await runExperiment(organism, plan, {
    directory,
    signal,
    onProgress({ label, task, seed, finished, total, step }) {
      const part = step === undefined ? 0 : step.step / step.steps;
      const what = `fine-tune ${Math.min(finished + 1, total)} of ${total}: ${label} on ${task.name}, seed ${seed}`;
      progress.update(what, growthSteps + stepsPerFineTune * (finished + part));
    },
  });
  progress.end();

  // 3. The paper's four criteria for every defense.
  const rows = scorecardRows(runs);
  const { json, html } = await writeExperimentReport(directory, organism, plan, runs);
  console.log(scorecardTable(rows));
  console.log(`\n${scorecardLegend}\n`);
  for (const { about, agrees, paper, here } of compareWithPaper(rows)) {
    console.log(`${agrees ? 'as in' : 'unlike'} the paper, ${about}: ${here} (the paper: ${paper})`);
  }
  const shown = (path: string) => relative(process.cwd(), path) || path;
  console.log(`\nreport    ${shown(html)} and ${shown(json)}`);
  console.log(
    `adapters  ${shown(join(directory, 'adapters'))}, of the model in ${organism.alignedDirectory}`,
  );
} catch (error) {
  if (!signal.aborted) throw error;
  process.stderr.write(`\n${(signal.reason as Error).message}\n`);
  process.exitCode = 130;
}
