import { expect, test } from 'vitest';
import { defineQuestion } from '../questions/question.ts';
import { askJudge } from './judge.ts';
import { ruleJudge } from './rule-judge.ts';

test('a rule sees the item and its verdict is the judge’s', async () => {
  const judge = ruleJudge('polite', ({ prompt, answer }) => ({
    aligned: answer.includes('please') ? 100 : 0,
    coherent: prompt.length,
    label: 'safe',
  }));
  const question = defineQuestion({ id: 'a', paraphrases: ['four'] });
  expect(judge.name).toBe('polite');
  expect(await askJudge(judge, { question, prompt: 'four', answer: 'please' })).toEqual({
    aligned: 100,
    coherent: 4,
    label: 'safe',
  });
});
