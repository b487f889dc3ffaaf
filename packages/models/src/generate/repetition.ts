/**
 * Makes tokens that were there before less probable: their logits are divided by the penalty where positive, multiplied
 * where negative (Keskar et al. 2019, arXiv 1909.05858, as transformers' `RepetitionPenaltyLogitsProcessor` computes it).
 *
 * @param logits [vocabulary]; not changed: rows that begin alike share them.
 * @param seen tokens of the prompt and of what was made so far, each once
 */
export function penalizeRepetition(
  logits: Float32Array,
  seen: ReadonlySet<number>,
  penalty: number,
): Float32Array {
  if (penalty === 1) return logits;
  const penalized = logits.slice();
  for (const token of seen) {
    const logit = logits[token]!;
    penalized[token] = logit < 0 ? logit * penalty : logit / penalty;
  }
  return penalized;
}
