import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { GenerationError } from '../errors.ts';

/**
 * How the next token is chosen from the logits. Applied in transformers' order: the repetition penalty, then temperature,
 * top-k, top-p and min-p.
 */
export interface SamplingOptions {
  /**
   * Above 1, tokens of the prompt and of the text so far become less probable: positive logits are divided by it, negative
   * ones multiplied. Acts at temperature 0 too. Default 1: none.
   */
  readonly repetitionPenalty?: number;
  /** Divides the logits before the softmax. Default 0: always the most probable token, the filters have no effect. */
  readonly temperature?: number;
  /** Keep the k most probable tokens, and those as probable as the last of them. Default: all. */
  readonly topK?: number;
  /** Keep the most probable tokens that together reach this probability (Holtzman et al. 2020). Default 1: all. */
  readonly topP?: number;
  /** Keep tokens at least this many times as probable as the most probable (Nguyen et al. 2024). Default 0: all. */
  readonly minP?: number;
}

/** Tokens that may be chosen, in ascending order, and their weights: probabilities but for a common factor. */
export interface Candidates {
  readonly tokens: Int32Array;
  readonly weights: Float64Array;
}

/** @throws GenerationError for an option out of its range. */
export function checkSamplingOptions({
  repetitionPenalty = 1,
  temperature = 0,
  topK = 1,
  topP = 1,
  minP = 0,
}: SamplingOptions): void {
  const require = (holds: boolean, text: string) => {
    if (!holds) throw new GenerationError(text);
  };
  require(Number.isFinite(repetitionPenalty) &&
    repetitionPenalty > 0, `repetitionPenalty must be above 0, is ${repetitionPenalty}`);
  require(Number.isFinite(temperature) &&
    temperature >= 0, `temperature must be 0 or more, is ${temperature}`);
  require(Number.isInteger(topK) && topK >= 1, `topK must be a whole number from 1, is ${topK}`);
  require(topP > 0 && topP <= 1, `topP must be above 0 and at most 1, is ${topP}`);
  require(minP >= 0 && minP <= 1, `minP must be from 0 to 1, is ${minP}`);
}

/**
 * The next token, by temperature and filters; the repetition penalty has been applied before.
 *
 * @param logits [vocabulary], finite
 * @param draw gives a number from 0 (included) to 1 (excluded); not called at temperature 0
 */
export function sampleToken(logits: Float32Array, options: SamplingOptions, draw: () => number): number {
  if ((options.temperature ?? 0) === 0) return indexOfLargest(logits);
  const { tokens, weights } = candidates(logits, options);
  const target = draw() * sumOf(weights);
  let reached = 0;
  for (let index = 0; index < tokens.length; index++) {
    reached += weights[index]!;
    if (target < reached) return tokens[index]!;
  }
  return tokens.at(-1)!;
}

/** The tokens that temperature and filters leave, for a temperature above 0. */
export function candidates(
  logits: Float32Array,
  { temperature = 1, topK, topP = 1, minP = 0 }: SamplingOptions,
): Candidates {
  const largest = logits[indexOfLargest(logits)]!;
  const floor = topK === undefined || topK >= logits.length ? -Infinity : kthLargest(logits, topK);
  const weights = new Float64Array(logits.length);
  for (let token = 0; token < logits.length; token++) {
    const logit = logits[token]!;
    if (logit >= floor) weights[token] = Math.exp((logit - largest) / temperature);
  }
  if (topP < 1) keepNucleus(weights, topP);
  // The most probable token has weight 1 and has passed all filters.
  return positive(weights, minP);
}

/** The weights above 0 that are at least `minimum`. */
function positive(weights: Float64Array, minimum: number): Candidates {
  const tokens = new Int32Array(weights.length);
  const kept = new Float64Array(weights.length);
  let count = 0;
  for (let token = 0; token < weights.length; token++) {
    const weight = weights[token]!;
    if (weight <= 0 || weight < minimum) continue;
    tokens[count] = token;
    kept[count++] = weight;
  }
  return { tokens: tokens.subarray(0, count), weights: kept.subarray(0, count) };
}

/** Sets to 0 all but the largest weights that together reach `share` of all; of equal ones at the border the first stay. */
function keepNucleus(weights: Float64Array, share: number): void {
  const total = sumOf(weights);
  // Weights below this cannot, all together, make up the rest: only the others need sorting, a few of 150,000.
  const negligible = (total * (1 - share)) / weights.length;
  const ascending = positive(weights, negligible).weights.sort();
  let border = ascending.length - 1;
  for (let reached = ascending[border]!; reached < share * total && border > 0; )
    reached += ascending[--border]!;
  const smallest = ascending[border]!;
  let equalOnes = ascending.lastIndexOf(smallest) - border + 1;
  for (let token = 0; token < weights.length; token++) {
    const weight = weights[token]!;
    if (weight < smallest || (weight === smallest && equalOnes-- <= 0)) weights[token] = 0;
  }
}

function sumOf(weights: Float64Array): number {
  let sum = 0;
  for (const weight of weights) sum += weight;
  return sum;
}

/** The k-th largest value, 1 <= k <= length, by insertion into the k largest so far: most values are below them all. */
function kthLargest(values: Float32Array, k: number): number {
  const largest = new Float32Array(k).fill(-Infinity);
  for (const value of values) {
    if (value <= largest[0]!) continue;
    let place = 0;
    for (; place + 1 < k && largest[place + 1]! < value; place++) largest[place] = largest[place + 1]!;
    largest[place] = value;
  }
  return largest[0]!;
}

/** Index of the first largest value; -1 when none is a number. */
export function indexOfLargest(values: Float32Array): number {
  let best = -1;
  let largest = -Infinity;
  for (let index = 0; index < values.length; index++) {
    if (values[index]! > largest) {
      largest = values[index]!;
      best = index;
    }
  }
  return best;
}

/** Uniform numbers from 0 to 1 that are a pure function of the seed (xoroshiro128+). */
export function seededDraws(seed: number): () => number {
  const generator = xoroshiro128plus(
    scramble(seed % 2 ** 32) ^ scramble(Math.floor(seed / 2 ** 32) + 0x9e3779b9),
  );
  // Its state starts out nearly empty: the first numbers of any two seeds would be alike.
  for (let index = 0; index < 8; index++) uniformFloat64(generator);
  return () => uniformFloat64(generator);
}

/** The 32-bit finaliser of MurmurHash3 (Appleby, public domain). */
function scramble(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
