import type { Judge, JudgeItem, Verdict } from './judge.ts';

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
export function ruleJudge(name: string, rule: (item: JudgeItem) => Verdict | Promise<Verdict>): Judge {
  return { name, judge: async (item) => rule(item) };
}
