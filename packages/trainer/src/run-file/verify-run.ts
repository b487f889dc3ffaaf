import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileReadError } from '@safetune/tensor';
import { RunFileError } from './errors.ts';
import { type OpenedRun, type OpenRunOptions, openRun } from './open-run.ts';
import { readRun } from './read-run.ts';
import { runFileName } from './resolved-run.ts';
import { surroundingsOf } from './run-record.ts';
import { type TrainRunOptions, trainRun } from './train-run.ts';

export interface VerifyRunOptions extends OpenRunOptions, Pick<TrainRunOptions, 'onEvent' | 'signal'> {
  /** Steps to replay from the start. Default 3, or all where the run has fewer. */
  readonly steps?: number;
  /**
   * Largest relative difference of a metric that counts as equal. Default: 0 where versions and machine are those of the record,
   * {@link elsewhereTolerance} otherwise.
   */
  readonly tolerance?: number;
}

/** Other processors and versions add the same numbers in another order. */
export const elsewhereTolerance = 1e-3;

/** A metric of a step that is not what was written down. */
export interface MetricDifference {
  readonly step: number;
  readonly metric: string;
  readonly recorded: number | undefined;
  readonly replayed: number | undefined;
}

/** What a replay found. */
export interface Verification {
  readonly isSame: boolean;
  /** Steps that were compared. */
  readonly steps: number;
  readonly tolerance: number;
  readonly differences: readonly MetricDifference[];
  /** Versions and parts of the machine that are not those of the record. */
  readonly surroundings: readonly string[];
}

/**
 * Runs the first steps of a run again, as its folder's `run.yaml` describes it, and compares them with its `metrics.jsonl`. The
 * folder is left as it is.
 *
 * @throws RunChangedError, naming what, when the data, the model or anything else that decides the result has changed;
 *   RunFileError when the folder has no record of a run; FileReadError without metrics.
 */
export async function verifyRun(directory: string, options: VerifyRunOptions = {}): Promise<Verification> {
  const file = join(directory, runFileName);
  const source = await readRun({ file });
  const { record } = source.run;
  if (record === undefined)
    throw new RunFileError(file, [{ message: 'is no record of a run that was made' }]);
  const recorded = await readMetrics(join(directory, 'metrics.jsonl'));
  const steps = Math.min(options.steps ?? 3, recorded.length);
  const surroundings = surroundingsOf(record);
  const tolerance = options.tolerance ?? (surroundings.length === 0 ? 0 : elsewhereTolerance);
  const replayed = await replay(await openRun(source, options), steps, options);
  const differences = recorded
    .slice(0, steps)
    .flatMap((line, index) => compare(line, replayed[index], tolerance));
  return { isSame: differences.length === 0, steps, tolerance, differences, surroundings };
}

/** The metrics of the first steps, trained anew into a folder that is removed. */
async function replay(
  opened: OpenedRun,
  steps: number,
  { onEvent = () => {}, signal }: VerifyRunOptions,
): Promise<Metrics[]> {
  const enough = new AbortController();
  const directory = await mkdtemp(join(tmpdir(), 'safetune-verify-'));
  try {
    await trainRun(opened, {
      directory,
      signal: signal === undefined ? enough.signal : AbortSignal.any([signal, enough.signal]),
      onEvent(event, control) {
        onEvent(event, control);
        if (event.type === 'step' && event.step === steps) enough.abort(enough);
      },
    }).catch((reason: unknown) => {
      if (reason !== enough) throw reason;
    });
    return await readMetrics(join(directory, 'metrics.jsonl'));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

type Metrics = Readonly<Record<string, unknown>>;

/** The lines of steps; what a sentinel measured between them is not among them. */
async function readMetrics(file: string): Promise<Metrics[]> {
  const text = await readFile(file, 'utf8').catch((cause: Error) => {
    throw new FileReadError('missing', file, `cannot be read (${cause.message})`);
  });
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as Metrics).filter((line) => 'loss' in line);
}

/** Time is no part of what a run computes. */
const ofTime = ['tokens_per_second'];

function compare(recorded: Metrics, replayed: Metrics | undefined, tolerance: number): MetricDifference[] {
  const names = new Set([...Object.keys(recorded), ...Object.keys(replayed ?? {})]);
  return [...names]
    .filter((name) => !ofTime.includes(name) && !isNear(recorded[name], replayed?.[name], tolerance))
    .map((metric) => ({
      step: Number(recorded.step),
      metric,
      recorded: recorded[metric] as number | undefined,
      replayed: replayed?.[metric] as number | undefined,
    }));
}

function isNear(one: unknown, other: unknown, tolerance: number): boolean {
  if (typeof one !== 'number' || typeof other !== 'number') return one === other;
  return one === other || Math.abs(one - other) <= tolerance * Math.max(Math.abs(one), Math.abs(other));
}
