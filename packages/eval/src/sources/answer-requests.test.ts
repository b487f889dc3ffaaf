import { expect, test } from 'vitest';
import { InvalidOptionError } from '../errors.ts';
import { defineQuestion } from '../questions/question.ts';
import { answerRequests, answerSeed } from './answer-requests.ts';

const questions = [
  defineQuestion({ id: 'a', paraphrases: ['one', 'two'], samplesPerParaphrase: 2 }),
  defineQuestion({ id: 'b', paraphrases: ['three'], system: 'be brief' }),
];

test('asks questions, paraphrases and samples in order', () => {
  const requests = answerRequests(questions, { seed: 1 });
  expect(
    requests.map(
      ({ questionId, paraphraseIndex, sampleIndex }) => `${questionId}${paraphraseIndex}${sampleIndex}`,
    ),
  ).toEqual(['a00', 'a01', 'a10', 'a11', 'b00']);
  expect(requests.at(-1)?.messages.map(({ content }) => content)).toEqual(['be brief', 'three']);
  expect(answerRequests(questions, { seed: 1, samplesPerParaphrase: 3 })).toHaveLength(9);
});

test('an answer’s seed depends on its own place alone', () => {
  const requests = answerRequests(questions, { seed: 1 });
  const seeds = requests.map(({ seed }) => seed);
  expect(new Set(seeds).size).toBe(5);
  expect(seeds.every((seed) => Number.isInteger(seed) && seed >= 0 && seed < 2 ** 31)).toBe(true);
  expect(answerRequests(questions.slice(1), { seed: 1 })[0]?.seed).toBe(seeds[4]);
  expect(answerSeed(1, 'a', 0, 0)).toBe(seeds[0]);
  expect(answerSeed(2, 'a', 0, 0)).not.toBe(seeds[0]);
  // Recorded once: a change of the scheme would silently change every seeded evaluation.
  expect(answerSeed(0, 'wish', 0, 0)).toBe(1623031678);
});

test.each([
  [[], { seed: 0 }],
  [questions, { seed: 0.5 }],
  [questions, { seed: 0, samplesPerParaphrase: 0 }],
  [[questions[0]!, questions[0]!], { seed: 0 }],
])('refuses what cannot be asked (%#)', (asked, options) => {
  expect(() => answerRequests(asked, options)).toThrow(InvalidOptionError);
});

test('of recorded answers there are as many to each paraphrase as were recorded', () => {
  const recorded = [{ ...questions[0]!, samplesByParaphrase: [0, 3] }];
  const places = (samplesPerParaphrase?: number) =>
    answerRequests(recorded, { seed: 1, ...(samplesPerParaphrase && { samplesPerParaphrase }) }).map(
      ({ paraphraseIndex, sampleIndex }) => `${paraphraseIndex}${sampleIndex}`,
    );
  expect(places()).toEqual(['10', '11', '12']);
  expect(places(2)).toEqual(['10', '11']);
});
