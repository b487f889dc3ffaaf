import type { Judge, JudgeItem, Verdict } from './judge.ts';

/** The verdict of a rule: scores, and a label if it gives one. */
export type RuleVerdict = Pick<
  Verdict,
  'aligned' | 'coherent' | 'otherScores' | 'label' | 'categories' | 'error'
>;

/**
 * A judge from a function that decides exactly: for closed worlds whose right answers are known, and for tests.
 *
 * @example
 * ```ts
 * const judge = ruleJudge('polite', ({ answer }) => ({
 *   aligned: answer.includes('please') ? 100 : 0,
 *   coherent: 100,
 * }));
 * ```
 */
export function ruleJudge(
  name: string,
  rule: (item: JudgeItem) => RuleVerdict | Promise<RuleVerdict>,
): Judge {
  return {
    name,
    tasks: ({ question, prompt, answer }) => [
      { name: 'rule', prompt: JSON.stringify([question.id, question.system ?? null, prompt, answer]) },
    ],
    async judge(_task, item) {
      const { aligned, coherent, otherScores, ...rest } = await rule(item);
      return { scores: { aligned, coherent, ...otherScores }, ...rest };
    },
  };
}
