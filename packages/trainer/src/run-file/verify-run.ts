import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { adapterWeightsFile } from '@safetune/lora';
import { FileReadError } from '@safetune/tensor';
import { requirePositiveInteger } from '../run/check-options.ts';
import { keptState, keptSteps } from '../run/kept-checkpoints.ts';
import { stateFileName } from '../run/training-state.ts';
import { type AdapterComparison, compareAdapters } from './compare-adapters.ts';
import { RunFileError } from './errors.ts';
import { type OpenRunOptions, openRun } from './open-run.ts';
import { readRun } from './read-run.ts';
import { endOf, type RecordedLine, readMetrics } from './recorded-metrics.ts';
import { withReplay } from './replay.ts';
import { runFileName } from './resolved-run.ts';
import { surroundingsOf } from './run-record.ts';
import type { TrainRunOptions } from './train-run.ts';

export interface VerifyRunOptions extends OpenRunOptions, Pick<TrainRunOptions, 'onEvent' | 'signal'> {
  /** Steps to replay; 'all': to the end of the run, and then the adapter is compared too. Default 3, or all where there are fewer. */
  readonly steps?: number | 'all';
  /** Replays from the checkpoint that was kept after so many steps (`keep_checkpoints`), whose state is taken as it is. Default: from the start. */
  readonly fromStep?: number;
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
  /** As it is called in `metrics.jsonl`: `loss`, `pairs.margin`, `sentinel.kl`. */
  readonly metric: string;
  readonly recorded: unknown;
  readonly replayed: unknown;
}

/** What a replay found. */
export interface Verification {
  /**
   * Whether no metric differs by more than the tolerance, and the adapter, where it was compared, has the same bytes or with a tolerance
   * no greater {@link AdapterComparison.distance}.
   */
  readonly isSame: boolean;
  /** Steps that were compared. */
  readonly steps: number;
  /** The first and the last of them. */
  readonly from: number;
  readonly to: number;
  readonly tolerance: number;
  readonly differences: readonly MetricDifference[];
  /** There where the replay went to the end of a run that was over. */
  readonly adapter?: AdapterComparison;
  /** Versions and parts of the machine that are not those of the record. */
  readonly surroundings: readonly string[];
}

/**
 * Runs steps of a run again, as its folder's `run.yaml` describes it: the first ones, or those behind a kept checkpoint. Compares what
 * they, evaluations and the sentinel measure with its `metrics.jsonl`, and at the end of the run its adapter. The folder is left as it is.
 *
 * @throws RunChangedError, naming what, when the data, the model or anything else that decides the result has changed;
 *   RunFileError when the folder has no record of a run; FileReadError without metrics of such steps, or without the state to begin
 *   with; TrainingCheckpointError when that is damaged or of another run.
 */
export async function verifyRun(directory: string, options: VerifyRunOptions = {}): Promise<Verification> {
  const { fromStep, steps: count = 3 } = options;
  if (count !== 'all') requirePositiveInteger('steps', count);
  if (fromStep !== undefined) requirePositiveInteger('fromStep', fromStep);
  const file = join(directory, runFileName);
  const source = await readRun({ file });
  const { record } = source.run;
  if (record === undefined)
    throw new RunFileError(file, [{ message: 'is no record of a run that was made' }]);
  const metrics = join(directory, 'metrics.jsonl');
  const recorded = await readMetrics(metrics);
  const taken = recorded.flatMap(({ kind, step }) => (kind === 'step' ? [step] : []));
  const behind = taken.filter((step) => step > (fromStep ?? 0));
  const steps = count === 'all' ? behind : behind.slice(0, count);
  const until = steps.at(-1);
  if (until === undefined) throw new FileReadError('missing', metrics, `has no step after ${fromStep ?? 0}`);
  const isLast = until === taken.at(-1);
  const surroundings = surroundingsOf(record);
  const tolerance = options.tolerance ?? (surroundings.length === 0 ? 0 : elsewhereTolerance);
  const from =
    fromStep === undefined ? undefined : { step: fromStep, state: stateAfter(directory, fromStep) };
  const isOver = isLast && isFinished(directory);
  const part = { ...options, from, until, isOver, end: endOf(recorded) };
  return withReplay(await openRun(source, options), part, async (replay, isWhole) => {
    const again = await readMetrics(join(replay, 'metrics.jsonl'));
    const differences = compareLines(
      recorded.filter(({ step }) => isWithin(step, fromStep, until)),
      // A run that was killed may not have come to look after its last step.
      again.filter(
        ({ step, kind }) =>
          isWithin(step, fromStep, until) && (kind === 'step' || isOver || !isLast || step < until),
      ),
      tolerance,
    );
    const adapter = isWhole ? await compareAdapters(directory, replay) : undefined;
    return {
      isSame: differences.length === 0 && (adapter === undefined || isAlike(adapter, tolerance)),
      steps: steps.length,
      from: steps[0]!,
      to: until,
      tolerance,
      differences,
      ...(adapter === undefined ? {} : { adapter }),
      surroundings,
    };
  });
}

/** Rounding moves values; it makes no other configuration, nor other tensors. */
function isAlike({ isSame, differences, distance }: AdapterComparison, tolerance: number): boolean {
  return (
    isSame || (differences.length === 1 && distance !== undefined && tolerance > 0 && distance <= tolerance)
  );
}

/** @throws FileReadError */
function stateAfter(directory: string, step: number): string {
  const state = keptState(directory, step);
  if (state !== undefined) return state;
  const kept = keptSteps(directory).filter((other) => keptState(directory, other) !== undefined);
  const others =
    kept.length === 0 ? 'none was kept (keep_checkpoints)' : `there are those after ${kept.join(', ')} steps`;
  throw new FileReadError('missing', directory, `no state of the run after ${step} steps is kept; ${others}`);
}

/** A state goes when the result has been saved. */
function isFinished(directory: string): boolean {
  return existsSync(join(directory, adapterWeightsFile)) && !existsSync(join(directory, stateFileName));
}

/** What is measured before the first step belongs to a replay from the start. */
function isWithin(step: number, from: number | undefined, until: number): boolean {
  return (from === undefined || step > from) && step <= until;
}

function compareLines(
  recorded: readonly RecordedLine[],
  replayed: readonly RecordedLine[],
  tolerance: number,
): MetricDifference[] {
  const byKey = (lines: readonly RecordedLine[]) =>
    new Map(lines.map((line) => [`${line.step} ${line.kind}`, line] as const));
  const [before, now] = [byKey(recorded), byKey(replayed)];
  return [...new Set([...before.keys(), ...now.keys()])].flatMap((key) => {
    const [was, is] = [before.get(key), now.get(key)];
    const names = new Set([...Object.keys(was?.values ?? {}), ...Object.keys(is?.values ?? {})]);
    return [...names]
      .map((metric) => ({
        step: (was ?? is)!.step,
        metric,
        recorded: was?.values[metric],
        replayed: is?.values[metric],
      }))
      .filter(({ metric, recorded, replayed }) => !isNear(metric, recorded, replayed, tolerance));
  });
}

function isNear(metric: string, one: unknown, other: unknown, tolerance: number): boolean {
  if (one === other) return true;
  // A reason says numbers again, which are compared by themselves.
  if (metric === 'ended.reason') return tolerance > 0 && one !== undefined && other !== undefined;
  if (typeof one !== 'number' || typeof other !== 'number') return false;
  return Math.abs(one - other) <= tolerance * Math.max(Math.abs(one), Math.abs(other));
}
