import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type {
  ExperimentPlan,
  ExperimentProgress,
  FinishedRun,
  Organism,
  OrganismRecipe,
} from '@safetune/organism';
import { openRunJournal, runExperiment } from '@safetune/organism';

/** What a lane does: some defenses of a plan, by name and strength, since functions do not travel between threads. */
export interface LaneWork {
  readonly defenses: readonly { readonly name: string; readonly strength: number | null }[];
  readonly tasks: ExperimentPlan['tasks'];
  readonly seeds: readonly number[];
  /** Where adapters go; undefined to keep none. */
  readonly directory: string | undefined;
  readonly recipe: OrganismRecipe;
  /** Where the organism is kept. */
  readonly cache: string | undefined;
  /** Runs of an earlier call. */
  readonly finished: readonly FinishedRun[];
}

/** What a lane tells. */
export type LaneMessage = { readonly run: FinishedRun } | { readonly progress: ExperimentProgress };

export interface LanesOptions {
  /** Gets `runs.jsonl`, and adapters. */
  readonly directory: string;
  /** Default true. */
  readonly keepsAdapters?: boolean;
  /** Most threads. Default: as many as there are cores. */
  readonly threads?: number | undefined;
  readonly cache: string | undefined;
  readonly signal: AbortSignal;
  /** `finished` counts the runs of all lanes. */
  readonly onProgress: (progress: ExperimentProgress) => void;
}

/**
 * Runs a plan of standard defenses in as many threads as there are cores: ONNX Runtime blocks the thread that calls it, and so
 * small a model keeps one core busy. The lanes share the defenses out among them; the journal is written here alone.
 */
export async function runInLanes(
  organism: Organism,
  plan: ExperimentPlan,
  {
    directory,
    keepsAdapters = true,
    threads = availableParallelism(),
    cache,
    signal,
    onProgress,
  }: LanesOptions,
): Promise<FinishedRun[]> {
  signal.throwIfAborted();
  const journal = openRunJournal(join(directory, 'runs.jsonl'));
  const finished = journal.runs();
  const finishedOf = new Map<Worker, number>();
  const shares = share(plan.defenses, Math.min(threads, plan.defenses.length));
  const lanes = shares.map((defenses) => {
    const work: LaneWork = {
      defenses: defenses.map(({ name, strength }) => ({ name, strength })),
      tasks: plan.tasks,
      seeds: plan.seeds,
      directory: keepsAdapters ? directory : undefined,
      recipe: organism.recipe,
      cache,
      finished,
    };
    return new Worker(new URL('lane.ts', import.meta.url), { workerData: work });
  });
  const total = plan.defenses.length * plan.tasks.length * plan.seeds.length;
  // Asked, not ended: a thread that is ended inside ONNX Runtime takes the process with it.
  const stop = () => {
    for (const lane of lanes) lane.postMessage('stop');
  };
  signal.addEventListener('abort', stop, { once: true });
  const ends = await Promise.allSettled(
    lanes.map((lane) => {
      lane.on('message', (message: LaneMessage) => {
        if ('run' in message) journal.record(message.run);
        else {
          finishedOf.set(lane, message.progress.finished);
          const sum = [...finishedOf.values()].reduce((all, count) => all + count, 0);
          onProgress({ ...message.progress, finished: sum, total });
        }
      });
      return ended(lane).catch((error) => {
        stop();
        throw error;
      });
    }),
  );
  signal.removeEventListener('abort', stop);
  signal.throwIfAborted();
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
  // Nothing is left to do; what the lanes found is put in the plan's order.
  return runExperiment(organism, plan, { ...(keepsAdapters ? { directory } : {}), journal });
}

/** Dealt out in turns: neighbours are strengths of one defense and cost the same. */
function share<Element>(elements: readonly Element[], count: number): Element[][] {
  return Array.from({ length: count }, (_, lane) => elements.filter((_, index) => index % count === lane));
}

/** Settles when the thread has ended; rejects with what it threw. */
function ended(lane: Worker): Promise<void> {
  return new Promise((resolve, reject) => {
    lane.once('error', reject);
    lane.once('exit', () => resolve());
  });
}
