/**
 * Emergent misalignment on a laptop, and every defense measured on it: grows a tiny language model, fine-tunes it on
 * harmful and harmless data with and without defenses, and prints and draws what became of it. Nothing is downloaded.
 *
 *     npx -y pnpm@12 demo [--full] [--defense NAME] [--seed N] [--out DIR] [--cache DIR]
 */
import { cp } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join, relative } from 'node:path';
import {
  alignedModel,
  benignTasks,
  growOrganism,
  narrowTasks,
  noDefense,
  organismRecipe,
  plainSummary,
  scorecardRows,
  writeExperimentReport,
} from '@safetune/organism';
import { readDemoOptions } from './demo-options.ts';
import { interruptible, interruption } from './interruption.ts';
import { runInLanes } from './lanes.ts';
import { progressLine } from './progress-line.ts';

const { chosen, strengths, seeds, directory, cache } = readDemoOptions();
const tasks = [...narrowTasks(), ...benignTasks()];

const signal = interruption();

// The time left counts in steps of growing; a fine-tune with its evaluation takes as long as about 18 of them.
const stepsPerFineTune = 18;
const growthSteps = organismRecipe.base.steps + organismRecipe.aligned.steps;
const fineTunes = (2 + strengths.flat().length) * tasks.length * seeds.length;
const progress = progressLine(growthSteps + stepsPerFineTune * fineTunes);

await interruptible(signal, async () => {
  // 1. A model that learned two personas and was then aligned. Grown once, then taken from the cache.
  const organism = await growOrganism(organismRecipe, {
    signal,
    // Where the cores are idle, two threads take a fifth less time than one, to the same weights.
    runtime: { threads: Math.min(2, availableParallelism()) },
    ...(cache === undefined ? {} : { directory: cache }),
    onEvent(stage, event) {
      if (event.type !== 'step') return;
      const done = event.step + (stage === 'base' ? 0 : organismRecipe.base.steps);
      progress.update(`growing the ${stage} model: step ${event.step} of ${event.steps}`, done);
    },
  });
  const checkpoints = join(directory, 'checkpoints');
  await cp(organism.baseDirectory, join(checkpoints, 'base'), { recursive: true });
  await cp(organism.alignedDirectory, join(checkpoints, 'aligned'), { recursive: true });

  // 2. Every defense on every task: four narrow malicious data sets, two harmless tasks.
  const defenses = [
    alignedModel,
    noDefense,
    ...chosen.flatMap((sweep, index) => strengths[index]!.map((strength) => sweep.at(strength, organism))),
  ];
  const plan = { defenses, tasks, seeds };
  const runs = await runInLanes(organism, plan, {
    directory,
    cache,
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
  console.log(
    plainSummary(
      rows,
      narrowTasks().map(({ name }) => name),
    ),
  );
  const shown = (path: string) => relative(process.cwd(), path) || path;
  console.log(
    [
      '\nWhat is there now:',
      `  ${shown(html)}  all figures, pictures, answers side by side, the paper's findings`,
      `  ${shown(json)}  the same as data`,
      `  ${shown(join(directory, 'adapters'))}  the fine-tunes, as LoRA adapters`,
      `  ${shown(join(checkpoints, 'aligned'))}  the model they belong to`,
    ].join('\n'),
  );
});
