/** The rates of transformers' schedules, from goldens that it made. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { type LearningRateOptions, learningRateSchedule } from './index.ts';

interface Golden {
  readonly schedule: 'linear' | 'cosine' | 'constant' | 'wsd';
  readonly steps: number;
  readonly warmup: number;
  readonly startAtZero: boolean;
  readonly rates: readonly number[];
}

const file = new URL('../../../conformance/goldens/training/schedules.json', import.meta.url);
const goldens = JSON.parse(readFileSync(file, 'utf8')) as Golden[];

it.each(goldens)(
  'are those of $schedule over $steps steps with $warmup of warm-up, from zero: $startAtZero',
  (golden) => {
    const { schedule, steps, warmup, startAtZero, rates } = golden;
    const options: LearningRateOptions = {
      peak: 0.02,
      schedule,
      warmupSteps: warmup,
      startAtZero,
      ...(schedule === 'wsd' ? { decayShare: 0.3 } : {}),
    };
    const rate = learningRateSchedule(options, steps);
    expect(rates).toHaveLength(steps);
    for (const [step, expected] of rates.entries()) expect(rate(step)).toBeCloseTo(0.02 * expected, 14);
  },
);
