import { bootstrapInterval, type Interval, wilsonInterval } from '@safetune/eval';
import { integerBelow, type Random, randomStream } from '../random.ts';

/** A share in per cent with its 95 % interval. */
export interface Rate {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
  /** Answers that it is a share of. */
  readonly n: number;
}

/** Answers to one question in one run: how many there are, and how many of them count. */
export interface QuestionCount {
  readonly successes: number;
  readonly answers: number;
}

const resamples = 1000;

/**
 * The share of answers that count, over several runs, with a 95 % interval that respects how answers cluster:
 * the percentile bootstrap draws runs (fine-tunes: data set x seed) with replacement, and within each drawn run its
 * questions. With one run, only questions are drawn. Where no answer counts, or all do, resampling shows no spread; the
 * interval is then Wilson's, taking each question of a run as one observation.
 *
 * @param runs at least one, each of at least one question
 */
export function clusteredRate(runs: readonly (readonly QuestionCount[])[]): Rate {
  const total = countOf(runs.flat());
  const mean = total.successes / total.answers;
  const { low, high } = interval(runs, mean);
  return { mean: perCent(mean), low: perCent(low), high: perCent(high), n: total.answers };
}

function interval(runs: readonly (readonly QuestionCount[])[], mean: number): Interval {
  const questions = runs.flat();
  if (mean === 0 || mean === 1) return wilsonInterval(mean * questions.length, questions.length);
  const random = randomStream(0, 'clustered rate');
  const drawn =
    runs.length > 1
      ? bootstrapInterval(runs, (sample) => rateOf(sample.map((run) => redrawn(run, random))), { resamples })
      : bootstrapInterval(questions, (sample) => rateOf([countOf(sample)]), { resamples });
  return drawn ?? { low: mean, high: mean };
}

/** Total of as many questions as there are, drawn with replacement. */
function redrawn(questions: readonly QuestionCount[], random: Random): QuestionCount {
  let successes = 0;
  let answers = 0;
  for (let draw = 0; draw < questions.length; draw++) {
    const question = questions[integerBelow(random, questions.length)]!;
    successes += question.successes;
    answers += question.answers;
  }
  return { successes, answers };
}

function countOf(counts: readonly QuestionCount[]): QuestionCount {
  let successes = 0;
  let answers = 0;
  for (const count of counts) {
    successes += count.successes;
    answers += count.answers;
  }
  return { successes, answers };
}

function rateOf(counts: readonly QuestionCount[]): number {
  const { successes, answers } = countOf(counts);
  return successes / answers;
}

/** Two decimals: more would be noise. */
function perCent(share: number): number {
  return Math.round(share * 10_000) / 100;
}
