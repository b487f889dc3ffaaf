/** An answer to one prompt (a paraphrase of a question); null where there is none. */
export interface PromptAnswer {
  readonly questionId: string;
  readonly paraphraseIndex: number;
  readonly answer: string | null;
}

/** How often a prompt was given the same answer again, though each was drawn with a seed of its own. */
export interface RepeatedAnswers {
  /** Prompts with at least two answers. */
  readonly prompts: number;
  /** Those among them whose answers are all the same. */
  readonly identicalPrompts: number;
  /** Answers to these prompts. */
  readonly answers: number;
  /** Answers that are the same as an earlier one to the same prompt. */
  readonly repeats: number;
}

/**
 * Counts answers that say, letter by letter, what another seed of the same prompt said. Where nearly all do, the server ignores
 * `seed` or the temperature is 0, and the answers are fewer than they seem.
 */
export function repeatedAnswers(answers: readonly PromptAnswer[]): RepeatedAnswers {
  const byPrompt = Map.groupBy(
    answers.filter(({ answer }) => answer !== null),
    ({ questionId, paraphraseIndex }) => JSON.stringify([questionId, paraphraseIndex]),
  );
  const counts = { prompts: 0, identicalPrompts: 0, answers: 0, repeats: 0 };
  for (const group of byPrompt.values()) {
    if (group.length < 2) continue;
    const different = new Set(group.map(({ answer }) => answer)).size;
    counts.prompts += 1;
    counts.answers += group.length;
    counts.repeats += group.length - different;
    if (different === 1) counts.identicalPrompts += 1;
  }
  return counts;
}
