import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fillJudgePrompt, splitReasoning } from './judge-prompt.ts';

describe('splitReasoning', () => {
  test.each([
    ['plain', '', 'plain'],
    ['<think>\nhm\n</think>\n\nyes', 'hm', 'yes'],
    ['hm\n</think>\nyes', 'hm', 'yes'],
    ['<think>never ends', 'never ends', ''],
    ['<think></think>yes </think>', '', 'yes </think>'],
  ])('%j', (text, reasoning, answer) => {
    expect(splitReasoning(text)).toEqual({ reasoning, answer });
  });
});

describe('fillJudgePrompt', () => {
  test('fills every placeholder, and doubled braces are single ones', () => {
    const template = '{question}|{answer}|{reasoning}|{answer}|{other}|{{answer}}';
    expect(fillJudgePrompt(template, { question: 'q', answer: 'a', reasoning: 'r' })).toBe(
      'q|a|r|a|{other}|{answer}',
    );
  });

  test('takes every answer literally', () => {
    const awkward = fc.oneof(fc.string(), fc.constantFrom('{question}', '$&', "$'", '{{', '{reasoning}}'));
    fc.assert(
      fc.property(awkward, (answer) => {
        const filled = fillJudgePrompt('<{answer}> {question}', { question: 'q', answer, reasoning: '' });
        expect(filled).toBe(`<${answer}> q`);
      }),
    );
  });
});
