import { indexOfLargest } from './sampling.ts';

/** Natural logarithms of probabilities where a token was made, at temperature 1 and without the filters of sampling. */
export interface TokenLogProbabilities {
  /** Of the token that was made. */
  readonly logProbability: number;
  /** The likeliest tokens, the likeliest first; of equal ones the one of the smaller id. */
  readonly likeliest: readonly { readonly token: number; readonly logProbability: number }[];
}

/** The logarithm of the sum of the exponentials; not finite when a logit is not. */
export function logSumExp(logits: Float32Array): number {
  let largest = Number.NEGATIVE_INFINITY;
  for (const logit of logits) if (logit > largest) largest = logit;
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - largest);
  return largest + Math.log(sum);
}

/**
 * @param logits [vocabulary], finite, as the model gives them
 * @param count how many of the likeliest
 */
export function tokenLogProbabilities(
  logits: Float32Array,
  token: number,
  count: number,
): TokenLogProbabilities {
  const shift = logSumExp(logits);
  return {
    logProbability: logits[token]! - shift,
    likeliest: likeliestTokens(logits, count).map((likely) => ({
      token: likely,
      logProbability: logits[likely]! - shift,
    })),
  };
}

/** By insertion into the likeliest so far: most logits are below them all. */
function likeliestTokens(logits: Float32Array, count: number): number[] {
  if (count === 0) return [];
  if (count === 1) return [indexOfLargest(logits)];
  const likeliest: number[] = [];
  for (let token = 0; token < logits.length; token++) {
    const logit = logits[token]!;
    if (likeliest.length === count && !(logit > logits[likeliest[count - 1]!]!)) continue;
    let place = likeliest.length;
    while (place > 0 && logit > logits[likeliest[place - 1]!]!) place--;
    likeliest.splice(place, 0, token);
    if (likeliest.length > count) likeliest.pop();
  }
  return likeliest;
}
