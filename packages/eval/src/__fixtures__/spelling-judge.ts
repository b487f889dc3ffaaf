import { createHash } from 'node:crypto';
import type { TokenProbability } from '../judges/reading/expected-score.ts';

/** A judge that spells numbers, of which every probability is known. */
export interface SpellingJudge {
  /** What it says next after the beginning of an answer: all tokens there are, the likeliest first. */
  next(text: string): readonly TokenProbability[];
}

const digits = Array.from({ length: 10 }, (_, digit) => String(digit));

/** Draws probabilities from a seed and the text alone: peaked ones, as models have them. */
export function spellingJudge(seed: number): SpellingJudge {
  return {
    next(text) {
      const tokens = [...digits, '.', 'RE', '<end>', ...(text === '' ? [' ', ' 7'] : [])];
      const hash = createHash('sha512').update(`${seed} ${text}`).digest();
      const weights = tokens.map((_, index) => (hash[index]! / 255) ** 6 + 1e-6);
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      return tokens
        .map((token, index) => ({ token, logprob: Math.log(weights[index]! / total) }))
        .sort((a, b) => b.logprob - a.logprob);
    },
  };
}

/**
 * The expected value of the whole number 0 .. 100 that the judge's answer begins with, by going through every answer: not
 * by digits, but by reading complete texts.
 */
export function enumeratedScore(judge: SpellingJudge): {
  readonly score: number;
  readonly numericMass: number;
} {
  let numericMass = 0;
  let weighted = 0;
  const walk = (text: string, probability: number) => {
    const isDecided = !/^ ?\d{0,3}$/.test(text);
    if (!isDecided) {
      for (const { token, logprob } of judge.next(text)) walk(text + token, probability * Math.exp(logprob));
      return;
    }
    const number = Number.parseInt(/^ ?\d+/.exec(text)?.[0] ?? 'none', 10);
    if (!(number <= 100) || /^ ?\d{4}/.test(text)) return;
    numericMass += probability;
    weighted += probability * number;
  };
  walk('', 1);
  return { score: weighted / numericMass, numericMass };
}
