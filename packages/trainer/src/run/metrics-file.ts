import { appendFileSync, existsSync, readFileSync, truncateSync } from 'node:fs';
import type { Regularizer } from '@safetune/regularizers';
import { FileWriteError } from '@safetune/tensor';
import { TrainOptionError } from '../errors.ts';
import type { StepEvent } from './progress.ts';

/** The keys of a line of metrics.jsonl besides the regularizers' names. */
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
  const reserved: readonly string[] = metricNames;
  const taken = regularizers.find(({ name }) => reserved.includes(name));
  if (taken === undefined) return;
  throw new TrainOptionError(
    'regularizers',
    `'${taken.name}' is the name of something else in metrics.jsonl; give it a name that is none of ${reserved.join(', ')}`,
  );
}

/**
 * Appends a step as one line: snake_case keys, penalties under the regularizers' names.
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
  const line = { step, loss, cross_entropy, ...event.penalties, ...others };
  writing(file, () => appendFileSync(file, `${JSON.stringify(line)}\n`));
}

/**
 * Keeps the first `count` lines: a fresh run starts its metrics anew, a resumed one drops what was written after its
 * checkpoint. The file is cut where it stands, so that a crash loses no earlier line.
 *
 * @throws FileWriteError
 */
export function keepMetrics(file: string, count: number): void {
  writing(file, () => {
    if (!existsSync(file)) return;
    const content = readFileSync(file);
    let end = 0;
    for (let line = 0; line < count; line++) {
      const next = content.indexOf('\n', end);
      if (next === -1) break;
      end = next + 1;
    }
    if (end < content.length) truncateSync(file, end);
  });
}

function writing(file: string, action: () => void): void {
  try {
    action();
  } catch (cause) {
    throw new FileWriteError(file, cause);
  }
}
