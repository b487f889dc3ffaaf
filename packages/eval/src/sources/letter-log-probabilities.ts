import type { TokenProbability } from '../judges/reading/expected-score.ts';

/**
 * How probable each letter is as an answer's first token: the candidates that are the letter, whatever space or sign stands
 * around it (` A`, `A.`, `(A`), are taken together.
 *
 * @param candidates of the first token, with natural logarithms.
 * @returns natural logarithms, in the order of the letters; null for a letter that is none of the candidates.
 */
export function letterLogProbabilities(
  candidates: readonly TokenProbability[],
  letters: readonly string[],
): readonly (number | null)[] {
  return letters.map((letter) => {
    const probability = candidates
      .filter(({ token }) => token.replaceAll(/[\s"'*().:]/g, '') === letter)
      .reduce((sum, { logprob }) => sum + Math.exp(logprob), 0);
    return probability > 0 ? Math.log(probability) : null;
  });
}
