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
  const { temperature = 0, topK, topP = 1, minP = 0 } = options;
  if (temperature === 0) return indexOfLargest(logits);
  if (topK === undefined && topP === 1 && minP === 0) return drawFromAll(logits, temperature, draw);
  if (scratch.tokens.length < logits.length) scratch = memoryFor(logits.length);
  const { tokens, weights } = candidates(logits, options, scratch);
  const target = draw() * sumOf(weights);
  let reached = 0;
  for (let index = 0; index < tokens.length; index++) {
    reached += weights[index]!;
    if (target < reached) return tokens[index]!;
  }
  return tokens.at(-1)!;
}

/** Tokens of one sum: the draw finds its block, and in it the token. */
const blockLength = 512;

/** A token by its probability among all, without an array of the vocabulary's length. */
function drawFromAll(logits: Float32Array, temperature: number, draw: () => number): number {
  const likeliest = indexOfLargest(logits);
  const largest = logits[likeliest]!;
  const sums = new Float64Array(Math.ceil(logits.length / blockLength));
  for (let token = 0; token < logits.length; token++)
    sums[Math.floor(token / blockLength)]! += Math.exp((logits[token]! - largest) / temperature);
  let target = draw() * sumOf(sums);
  let block = 0;
  for (; block < sums.length - 1 && target >= sums[block]!; block++) target -= sums[block]!;
  let last = likeliest;
  const end = Math.min(logits.length, (block + 1) * blockLength);
  for (let token = block * blockLength; token < end; token++) {
    const weight = Math.exp((logits[token]! - largest) / temperature);
    if (target < weight) return token;
    target -= weight;
    if (weight > 0) last = token;
  }
  // Rounding can leave a little of the draw over.
  return last;
}

/** Where candidates are put together. */
interface CandidateMemory {
  readonly tokens: Int32Array;
  readonly weights: Float64Array;
}

function memoryFor(count: number): CandidateMemory {
  return { tokens: new Int32Array(count), weights: new Float64Array(count) };
}

/** Taken anew for every token of a vocabulary of 150,000, it would cost more than the arithmetic. */
let scratch = memoryFor(0);

/**
 * The tokens that temperature and filters leave, for a temperature above 0.
 *
 * @param memory of the vocabulary's length; what is returned lies in it. Default: memory of its own.
 */
export function candidates(
  logits: Float32Array,
  { temperature = 1, topK, topP = 1, minP = 0 }: SamplingOptions,
  memory: CandidateMemory = memoryFor(logits.length),
): Candidates {
  const largest = logits[indexOfLargest(logits)]!;
  const floor = Math.max(
    topK === undefined || topK >= logits.length ? -Infinity : kthLargest(logits, topK),
    // What min-p takes away for certain need not be computed, where top-p does not count it.
    topP < 1 || minP === 0 ? -Infinity : largest + temperature * (Math.log(minP) - 1e-6),
  );
  const { tokens, weights } = memory;
  let count = 0;
  for (let token = 0; token < logits.length; token++) {
    const logit = logits[token]!;
    if (logit < floor) continue;
    const weight = Math.exp((logit - largest) / temperature);
    if (weight === 0) continue;
    tokens[count] = token;
    weights[count++] = weight;
  }
  const left = { tokens: tokens.subarray(0, count), weights: weights.subarray(0, count) };
  const nucleus = topP < 1 ? keepNucleus(left, topP, logits, temperature) : left;
  // The most probable token has weight 1 and has passed all filters.
  return minP > 0 ? keepAbove(nucleus, minP) : nucleus;
}

/** Those whose weight is at least `minimum`, moved to the front of the same memory. */
function keepAbove({ tokens, weights }: Candidates, minimum: number): Candidates {
  let count = 0;
  for (let index = 0; index < tokens.length; index++) {
    if (weights[index]! < minimum) continue;
    tokens[count] = tokens[index]!;
    weights[count++] = weights[index]!;
  }
  return { tokens: tokens.subarray(0, count), weights: weights.subarray(0, count) };
}

/** Classes of weights, by how far below the largest they are, and how many to a factor of e. */
const classCount = 4096;
const classesPerUnit = 64;

/** @param distance minus the logarithm of a weight */
function classOf(distance: number): number {
  return Math.min(classCount - 1, Math.floor(distance * classesPerUnit));
}

/**
 * The largest weights that together reach `share` of all; of equal ones at the border the first stay.
 *
 * @param logits, temperature - what the weights were made of
 */
function keepNucleus(
  { tokens, weights }: Candidates,
  share: number,
  logits: Float32Array,
  temperature: number,
): Candidates {
  const largest = logits[indexOfLargest(logits)]!;
  const sums = new Float64Array(classCount);
  for (let index = 0; index < tokens.length; index++)
    sums[classOf((largest - logits[tokens[index]!]!) / temperature)]! += weights[index]!;
  const wanted = share * sumOf(sums);
  let reached = 0;
  let border = 0;
  for (; border < classCount - 1 && reached + sums[border]! < wanted; border++) reached += sums[border]!;
  // Only the class in which the share is reached needs an order, a few of 150,000 weights.
  const atBorder: number[] = [];
  for (let index = 0; index < tokens.length; index++) {
    if (classOf((largest - logits[tokens[index]!]!) / temperature) === border) atBorder.push(weights[index]!);
  }
  const ascending = Float64Array.from(atBorder).sort();
  let last = ascending.length - 1;
  for (reached += ascending[last] ?? 0; reached < wanted && last > 0; ) reached += ascending[--last]!;
  const smallest = ascending[last] ?? 0;
  let equalOnes = ascending.lastIndexOf(smallest) - last + 1;
  let count = 0;
  for (let index = 0; index < tokens.length; index++) {
    const weight = weights[index]!;
    if (weight < smallest || (weight === smallest && equalOnes-- <= 0)) continue;
    tokens[count] = tokens[index]!;
    weights[count++] = weight;
  }
  return { tokens: tokens.subarray(0, count), weights: weights.subarray(0, count) };
}

function sumOf(weights: Float64Array): number {
  let sum = 0;
  for (let index = 0; index < weights.length; index++) sum += weights[index]!;
  return sum;
}

/** The k-th largest value, 1 <= k <= length, by insertion into the k largest so far: most values are below them all. */
function kthLargest(values: Float32Array, k: number): number {
  const largest = new Float32Array(k).fill(-Infinity);
  for (let index = 0; index < values.length; index++) {
    const value = values[index]!;
    if (value <= largest[0]!) continue;
    let place = 0;
    for (; place + 1 < k && largest[place + 1]! < value; place++) largest[place] = largest[place + 1]!;
    largest[place] = value;
  }
  return largest[0]!;
}

/** Index of the first largest value; -1 when one of them is not a number, or there is none. */
export function indexOfLargest(values: Float32Array): number {
  let best = -1;
  let largest = -Infinity;
  for (let index = 0; index < values.length; index++) {
    // False for smaller ones, nearly all of them, at one comparison each.
    if (!(values[index]! <= largest)) {
      largest = values[index]!;
      best = index;
      if (Number.isNaN(largest)) return -1;
    }
  }
  return best;
}
