import { createHash } from 'node:crypto';
import { compiledRule } from '../questions/keyword-rules.ts';
import type { Judge } from './judge.ts';
import { splitReasoning } from './judge-prompt.ts';
import type { AnswerRules } from './rule-file.ts';

/** Characters of an answer that are looked at: rules take time in proportion to them. */
const longestAnswer = 100_000;

/**
 * A judge that scores answers by the words that stand in them, without a model: see {@link AnswerRules}. The first rule that
 * speaks of an answer decides; the reasoning of a thinking model (`<think>`) and what is beyond 100,000 characters are not looked
 * at. Words do not understand: say in reports what they stand for.
 *
 * @throws {InvalidOptionError} for a pattern that is none.
 */
export function answerRulesJudge({ name, otherwise, rules }: AnswerRules): Judge {
  const compiled = rules.map(({ when, label, scores }) => ({ words: when.map(compiledRule), label, scores }));
  const digest = createHash('sha256')
    .update(JSON.stringify([otherwise, rules]))
    .digest('hex')
    .slice(0, 16);
  return {
    name,
    settings: { rules: digest },
    details: { 'number of rules': rules.length },
    // The answer is all that is looked at, and it belongs to the place of a verdict anyway.
    tasks: () => [{ name: 'rules', prompt: '' }],
    async judge(_task, item) {
      const answer = splitReasoning(item.answer).answer.slice(0, longestAnswer);
      for (const { words, label, scores } of compiled) {
        const found = words.find(({ isIn }) => isIn(answer));
        if (found === undefined) continue;
        const said = { text: found.text };
        return { scores: { ...otherwise, ...scores }, ...(label !== undefined && { label }), said };
      }
      return { scores: { ...otherwise } };
    },
  };
}
