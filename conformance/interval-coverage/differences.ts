/** Pairs of evaluations of made-up models on the same questions, whose true difference is known. */
import { type ClusterCount, totalOf } from '../../packages/eval/src/metrics/cluster-count.ts';
import { studentQuantile } from '../../packages/eval/src/metrics/distributions.ts';
import type { Interval } from '../../packages/eval/src/metrics/intervals.ts';
import type { PairedCount } from '../../packages/eval/src/metrics/sign-flip-test.ts';
import type { Random } from '../random.ts';
import { betaValue, binomialValue } from './studies.ts';

/** One kind of comparison, of which many are drawn. */
export interface Comparison {
  readonly name: string;
  /** The mean over all base questions of second - first. */
  readonly truth: number;
  draw(random: Random): readonly PairedCount[];
}

/** The rate of a question in the first run is drawn from Beta(a, b); in the second it is that times `kept`. */
function comparison(bases: number, answers: number, a: number, b: number, kept: number): Comparison {
  const count = (random: Random, rate: number): ClusterCount => ({
    answers,
    successes: binomialValue(random, answers, rate),
  });
  return {
    name: `${bases} x ${answers}, Beta(${a}, ${b}), ${kept === 1 ? 'no difference' : `times ${kept}`}`,
    truth: ((kept - 1) * a) / (a + b),
    draw: (random) =>
      Array.from({ length: bases }, () => {
        const rate = betaValue(random, a, b);
        return { first: count(random, rate), second: count(random, kept * rate) };
      }),
  };
}

export const comparisons: readonly Comparison[] = [
  comparison(24, 100, 0.6, 5.4, 1),
  comparison(24, 100, 0.6, 5.4, 0.5),
  comparison(24, 100, 2, 18, 0.5),
  comparison(24, 100, 0.6, 5.4, 0),
  comparison(8, 300, 0.6, 5.4, 1),
  comparison(8, 300, 0.6, 5.4, 0.5),
  comparison(24, 100, 0.1, 24.9, 1),
  comparison(24, 100, 0.1, 24.9, 0.5),
  comparison(24, 4, 0.6, 5.4, 0.5),
];

/** Student's t on how the differences of the questions scatter; a point where they do not. */
export function studentOnDifferences(pairs: readonly PairedCount[]): Interval {
  const first = totalOf(pairs.map((pair) => pair.first));
  const second = totalOf(pairs.map((pair) => pair.second));
  const difference = second.successes / second.answers - first.successes / first.answers;
  const each = pairs.map(
    (pair) => pair.second.successes / pair.second.answers - pair.first.successes / pair.first.answers,
  );
  const scatter = each.reduce((sum, value) => sum + (value - difference) ** 2, 0);
  const error = Math.sqrt(scatter / (pairs.length - 1) / pairs.length);
  const half = studentQuantile(0.975, pairs.length - 1) * error;
  return { low: difference - half, high: difference + half };
}
