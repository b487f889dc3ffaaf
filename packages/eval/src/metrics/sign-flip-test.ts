import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import type { ClusterCount } from './cluster-count.ts';

/** The answers of two runs to one base question. */
export interface PairedCount {
  readonly first: ClusterCount;
  readonly second: ClusterCount;
}

/** What {@link signFlipTest} finds. */
export interface SignFlipTest {
  /** Two-sided, 0 .. 1. */
  readonly pValue: number;
  /** Whether every way of exchanging was counted, or only a sample of them. */
  readonly exact: boolean;
}

/** So many base questions that differ are half a million ways to exchange them: milliseconds. */
const exactUpTo = 20;

/**
 * The permutation test by cluster of no difference between two runs: were there none, the two counts of a base question could as
 * well have been exchanged. The p value is the share of the ways to exchange them (or not) for which the difference of the rates is
 * at least as large as it is. All ways are counted where at most 20 base questions differ, else a seeded sample with the way that
 * was found among it.
 *
 * Source: B. Phipson, G. K. Smyth, Statistical Applications in Genetics and Molecular Biology 9 (2010) 39, for the sample.
 *
 * @param samples ways to draw where not all are counted; default 100,000.
 */
export function signFlipTest(
  pairs: readonly PairedCount[],
  { seed = 0, samples = 100_000 }: { readonly seed?: number; readonly samples?: number } = {},
): SignFlipTest {
  const differing = pairs.filter(
    ({ first, second }) => first.successes !== second.successes || first.answers !== second.answers,
  );
  const exchange = exchanges(pairs, differing);
  if (differing.length <= exactUpTo) return { pValue: exactShare(exchange, differing.length), exact: true };
  const generator = xoroshiro128plus(seed);
  let asLarge = 1;
  for (let sample = 0; sample < samples; sample += 1) {
    let bits = 0;
    for (const place of differing.keys()) {
      if (place % 32 === 0) bits = generator.next();
      if ((bits >>> (place % 32)) & 1) exchange.flip(place);
    }
    if (exchange.isAsLarge()) asLarge += 1;
  }
  return { pValue: asLarge / (samples + 1), exact: false };
}

/** In Gray's order each way differs from the one before by one base question. The last stays: exchanging all changes only the sign. */
function exactShare(exchange: Exchanges, differing: number): number {
  if (differing === 0) return 1;
  const ways = 2 ** (differing - 1);
  let asLarge = 1;
  for (let way = 1; way < ways; way += 1) {
    exchange.flip(31 - Math.clz32(way & -way));
    if (exchange.isAsLarge()) asLarge += 1;
  }
  return asLarge / ways;
}

interface Exchanges {
  /** Exchanges the counts of one of the differing base questions, or puts them back. */
  flip(place: number): void;
  /** Whether the difference is now at least as large as it was at the beginning. */
  isAsLarge(): boolean;
}

function exchanges(pairs: readonly PairedCount[], differing: readonly PairedCount[]): Exchanges {
  const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);
  let successes = sum(pairs.map(({ first }) => first.successes));
  let answers = sum(pairs.map(({ first }) => first.answers));
  const allSuccesses = successes + sum(pairs.map(({ second }) => second.successes));
  const allAnswers = answers + sum(pairs.map(({ second }) => second.answers));
  const gainedSuccesses = differing.map(({ first, second }) => second.successes - first.successes);
  const gainedAnswers = differing.map(({ first, second }) => second.answers - first.answers);
  const difference = () =>
    Math.abs((allSuccesses - successes) / (allAnswers - answers) - successes / answers);
  // Equal differences may be rounded differently.
  const found = difference() - 1e-12;
  return {
    flip(place) {
      successes += gainedSuccesses[place]!;
      answers += gainedAnswers[place]!;
      gainedSuccesses[place] = -gainedSuccesses[place]!;
      gainedAnswers[place] = -gainedAnswers[place]!;
    },
    isAsLarge: () => difference() >= found,
  };
}
