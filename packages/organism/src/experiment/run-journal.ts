import { appendFileSync, existsSync, mkdirSync, readFileSync, truncateSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Outcome } from '../examine/judge.ts';
import type { FineTuneTask } from '../tasks/fine-tune-task.ts';

/** What one fine-tune and its evaluation gave; plain, one line of a journal. */
export interface FinishedRun {
  /** Hash of everything that decides the result. */
  readonly key: string;
  readonly defense: string;
  readonly strength: number | null;
  readonly task: FineTuneTask;
  readonly seed: number;
  /** Cross-entropy of each step, nats a token; empty for a model that was not trained. */
  readonly crossEntropy: readonly number[];
  /** Outcomes question by question, a letter an answer (see {@link outcomeLetters}); of narrow runs. */
  readonly general?: readonly string[];
  readonly inDomain?: readonly string[];
  readonly conditional?: readonly string[];
  /** Whether each check was passed; of benign runs. */
  readonly passed?: readonly boolean[];
  /** Some of the answers, to be read. */
  readonly samples: readonly SampledAnswer[];
}

/** An answer to be shown. */
export interface SampledAnswer {
  readonly kind: 'general' | 'in-domain' | 'benign';
  readonly question: string;
  readonly answer: string;
  readonly verdict: Outcome | 'right' | 'wrong';
}

/** How outcomes are written down: one letter each. */
export const outcomeLetters: Readonly<Record<Outcome, string>> = {
  safe: 's',
  harmful: 'h',
  incoherent: 'i',
  refusal: 'r',
};

/** Finished runs by key, kept in a file of JSON Lines from which an interrupted experiment goes on. */
export interface RunJournal {
  find(key: string): FinishedRun | undefined;
  /** All of them, in the order in which they were recorded. */
  runs(): FinishedRun[];
  record(run: FinishedRun): void;
}

/**
 * Opens a journal, or makes one. A last line that was cut short by a kill is dropped.
 *
 * @param file Default: kept in memory only.
 */
export function openRunJournal(file?: string): RunJournal {
  const runs = new Map<string, FinishedRun>();
  if (file !== undefined) {
    mkdirSync(dirname(file), { recursive: true });
    for (const run of readRuns(file)) runs.set(run.key, run);
  }
  return {
    find: (key) => runs.get(key),
    runs: () => [...runs.values()],
    record(run) {
      runs.set(run.key, run);
      if (file !== undefined) appendFileSync(file, `${JSON.stringify(run)}\n`);
    },
  };
}

function readRuns(file: string): FinishedRun[] {
  if (!existsSync(file)) return [];
  const bytes = readFileSync(file);
  const end = bytes.lastIndexOf(0x0a) + 1;
  if (end < bytes.length) truncateSync(file, end);
  return bytes
    .subarray(0, end)
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as FinishedRun);
}
