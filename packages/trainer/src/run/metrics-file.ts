import { appendFileSync, existsSync, readFileSync, truncateSync } from 'node:fs';
import type { Regularizer } from '@safetune/regularizers';
import { FileWriteError } from '@safetune/tensor';
import { TrainOptionError } from '../errors.ts';
import type { SentinelEvent } from '../sentinel/sentinel-event.ts';
import type { EvaluationEvent } from './evaluation.ts';
import type { StepEvent } from './progress.ts';
import type { RunEnd } from './step-observer.ts';

/** The keys of every line of metrics.jsonl; some have `task_loss`, `pairs`, `weights`, and the regularizers' names. */
const metricNames = [
  'step',
  'loss',
  'cross_entropy',
  'learning_rate',
  'gradient_norm',
  'tokens',
  'supervised_tokens',
  'tokens_per_second',
] as const;

/**
 * A penalty is logged under its regularizer's name, which must not be that of something else.
 *
 * @throws TrainOptionError
 */
export function checkMetricNames(regularizers: readonly Regularizer[]): void {
  const reserved: readonly string[] = [...metricNames, 'task_loss', 'pairs', 'weights'];
  const taken = regularizers.find(({ name }) => reserved.includes(name));
  if (taken === undefined) return;
  throw new TrainOptionError(
    'regularizers',
    `'${taken.name}' is the name of something else in metrics.jsonl; give it a name that is none of ${reserved.join(', ')}`,
  );
}

/**
 * Appends a step as one line: snake_case keys, `task_loss` where it is not the cross-entropy, penalties under the regularizers' names,
 * weights that follow them under `weights`, what an objective over pairs measures under `pairs`.
 *
 * @throws FileWriteError
 */
export function appendMetrics(file: string, event: StepEvent): void {
  const metrics: Record<(typeof metricNames)[number], number> = {
    step: event.step,
    loss: event.loss,
    cross_entropy: event.crossEntropy,
    learning_rate: event.learningRate,
    gradient_norm: event.gradientNorm,
    tokens: event.tokens,
    supervised_tokens: event.supervisedTokens,
    tokens_per_second: event.tokensPerSecond,
  };
  const { step, loss, cross_entropy, ...others } = metrics;
  const line = {
    ...{ step, loss, cross_entropy },
    ...(event.taskLoss !== undefined && { task_loss: event.taskLoss }),
    ...event.penalties,
    ...(event.weights && { weights: event.weights }),
    ...(event.pairs && { pairs: ofPairs(event.pairs) }),
    ...others,
  };
  writing(file, () => appendFileSync(file, `${JSON.stringify(line)}\n`));
}

function ofPairs(values: Readonly<Record<string, number>>): Record<string, number> {
  const snakeCase = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [snakeCase(name), value]));
}

/**
 * Appends what the sentinel saw as a line of its own: `{"step": 20, "sentinel": {"kl": 0.01}, "sentinel_seconds": 0.4}`, with
 * `breaches` by probe, and `ended` when it ended the run.
 *
 * @throws FileWriteError
 */
export function appendSentinelMetrics(file: string, { step, readings, ended }: SentinelEvent): void {
  const breaches = readings.flatMap(({ probe, breach }) => (breach === undefined ? [] : [[probe, breach]]));
  const line = {
    step,
    sentinel: Object.fromEntries(readings.map(({ probe, value }) => [probe, value])),
    sentinel_seconds: readings.reduce((sum, { seconds }) => sum + seconds, 0),
    ...(breaches.length === 0 ? {} : { breaches: Object.fromEntries(breaches) }),
    ...endedMetrics(ended),
  };
  writing(file, () => appendFileSync(file, `${JSON.stringify(line)}\n`));
}

/**
 * Appends an evaluation as a line of its own: `{"step": 20, "evaluation_loss": 1.2, "evaluation_targets": 340}`, with `ended` when it
 * ended the run.
 *
 * @throws FileWriteError
 */
export function appendEvaluation(file: string, { step, loss, targets, ended }: EvaluationEvent): void {
  const line = { step, evaluation_loss: loss, evaluation_targets: targets, ...endedMetrics(ended) };
  writing(file, () => appendFileSync(file, `${JSON.stringify(line)}\n`));
}

/**
 * Appends the end that a callback brought as a line of its own: `{"step": 20, "ended": {"by": "callback", ...}}`.
 *
 * @throws FileWriteError
 */
export function appendEnd(file: string, ended: RunEnd): void {
  const line = { step: ended.step, ...endedMetrics(ended) };
  writing(file, () => appendFileSync(file, `${JSON.stringify(line)}\n`));
}

function endedMetrics(ended: RunEnd | undefined): object {
  if (ended === undefined) return {};
  return { ended: { by: ended.by, result_of_step: ended.resultOfStep, reason: ended.reason } };
}

/**
 * Keeps the lines of the first `steps` steps: a fresh run starts its metrics anew, a resumed one drops what was written after
 * its checkpoint. The file is cut where it stands, so that a crash loses no earlier line.
 *
 * @throws FileWriteError
 */
export function keepMetrics(file: string, steps: number): void {
  writing(file, () => {
    if (!existsSync(file)) return;
    const content = readFileSync(file);
    let end = 0;
    for (;;) {
      const next = content.indexOf('\n', end);
      if (next === -1 || steps === 0 || stepOfLine(content.toString('utf8', end, next)) > steps) break;
      end = next + 1;
    }
    if (end < content.length) truncateSync(file, end);
  });
}

/** A line that cannot be read counts as one after all steps. */
function stepOfLine(line: string): number {
  try {
    return Number((JSON.parse(line) as { step?: unknown }).step ?? Number.POSITIVE_INFINITY);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

function writing(file: string, action: () => void): void {
  try {
    action();
  } catch (cause) {
    throw new FileWriteError(file, cause);
  }
}
