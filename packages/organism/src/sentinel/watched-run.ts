import type { Probe } from '@safetune/trainer';
import { createPreparations } from '../defenses/preparations.ts';
import { type Laboratory, openLaboratory } from '../examine/laboratory.ts';
import type { Organism } from '../grow/grow.ts';
import { benignTasks, type FineTuneTask, narrowTasks } from '../tasks/fine-tune-task.ts';
import { narrowExamples } from '../tasks/narrow-task.ts';
import { generalHarm, generalHarmProbe, organismProbes } from './organism-probes.ts';

/** A fine-tune to watch: harmful answers, a harmless task, or the harmful one's questions with safe answers. */
export interface WatchedTask {
  readonly name: string;
  readonly isHarmful: boolean;
  readonly task: FineTuneTask;
}

/** What was seen of one fine-tune that nothing stopped. */
export interface WatchedRun {
  readonly name: string;
  readonly isHarmful: boolean;
  readonly seed: number;
  readonly looks: readonly Look[];
  /** Time of the run without the looks. */
  readonly trainingSeconds: number;
}

export interface Look {
  /** Steps done. */
  readonly step: number;
  /** Share of harmful answers outside the trained domain. */
  readonly harm: number;
  /** By probe. */
  readonly values: Readonly<Record<string, number>>;
  readonly seconds: Readonly<Record<string, number>>;
}

/** Four harmful fine-tunes, the same four with safe answers, and two harmless tasks of another kind. */
export const watchedTasks: readonly WatchedTask[] = [
  ...narrowTasks().map((task) => ({ name: task.name, isHarmful: true, task })),
  ...narrowTasks().map((task) => ({ name: `safe ${task.name}`, isHarmful: false, task })),
  ...benignTasks().map((task) => ({ name: task.name, isHarmful: false, task })),
];

/** Fine-tunes under a sentinel that only looks, one run after the other. */
export async function* watchRuns(
  organism: Organism,
  runs: readonly { readonly watched: WatchedTask; readonly seed: number }[],
  everySteps: number,
): AsyncGenerator<WatchedRun> {
  const laboratory = await openLaboratory(organism);
  try {
    const probes = organismProbes(organism, await createPreparations(laboratory).personaVectors());
    for (const { watched, seed } of runs) yield await watchRun(laboratory, probes, watched, seed, everySteps);
  } finally {
    await laboratory.close();
  }
}

async function watchRun(
  laboratory: Laboratory,
  probes: readonly Probe[],
  { name, isHarmful, task }: WatchedTask,
  seed: number,
  everySteps: number,
): Promise<WatchedRun> {
  const looks: Look[] = [];
  let trainingSeconds = 0;
  await laboratory.fineTune({
    task,
    seed,
    ...(task.kind === 'narrow' && !isHarmful
      ? { examples: narrowExamples(laboratory.organism.world, task.name, { seed, persona: 'good' }) }
      : {}),
    sentinel: { everySteps, probes: [...probes, generalHarmProbe(laboratory, task)] },
    onStep: ({ tokens, tokensPerSecond }) => {
      trainingSeconds += tokens / tokensPerSecond;
    },
    onSentinel({ step, readings }) {
      const known = readings.filter(({ probe }) => probe !== generalHarm);
      looks.push({
        step,
        harm: readings.find(({ probe }) => probe === generalHarm)!.value,
        values: Object.fromEntries(known.map(({ probe, value }) => [probe, value])),
        seconds: Object.fromEntries(known.map(({ probe, seconds }) => [probe, seconds])),
      });
    },
  });
  return { name, isHarmful, seed, looks, trainingSeconds };
}
