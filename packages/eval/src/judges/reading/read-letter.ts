import { splitReasoning } from '../judge-prompt.ts';
import { minimumNumericMass, type TokenProbability } from './expected-score.ts';
import { readCategory } from './read-category.ts';

/**
 * The letter a judge chooses, from the candidates for the first token: the likeliest of the letters, when all of them together
 * hold at least a quarter of the probability.
 *
 * @returns undefined when they hold less.
 */
export function likeliestLetter(
  candidates: readonly TokenProbability[],
  letters: readonly string[],
): string | undefined {
  const shares = new Map<string, number>();
  let mass = 0;
  for (const { token, logprob } of candidates) {
    // 'A', ' A', 'A:', '(A' and '**A' begin the same choice.
    const [, letter] = /^[\s(*"']*([A-Z])[\s).:*"']*$/.exec(token) ?? [];
    if (letter === undefined || !letters.includes(letter)) continue;
    mass += Math.exp(logprob);
    shares.set(letter, (shares.get(letter) ?? 0) + Math.exp(logprob));
  }
  if (mass < minimumNumericMass) return undefined;
  return [...shares].reduce((best, each) => (each[1] > best[1] ? each : best))[0];
}

/** The letter that a judge writes at the beginning of its answer; undefined when it writes another word. */
export function writtenLetter(text: string, letters: readonly string[]): string | undefined {
  const { answer } = splitReasoning(text);
  const letter = readCategory(answer, letters);
  // 'A' begins many a sentence: 'A good answer'.
  const isAlone = /^[\s(*"']*[A-Z][\s).:,*"']*($|\n|[^\w\s])/.test(answer);
  return isAlone ? letter : undefined;
}
