import { describe, expect, test } from 'vitest';
import { AnswerSourceError } from '../errors.ts';
import { defineQuestion } from '../questions/question.ts';
import { answerRequests } from './answer-requests.ts';
import { type AnswerSource, batchedSource, recordedSource } from './answer-source.ts';

const questions = [
  defineQuestion({ id: 'a', paraphrases: ['one', 'two'], samplesPerParaphrase: 2 }),
  defineQuestion({ id: 'b', paraphrases: ['three'] }),
];
const requests = answerRequests(questions, { seed: 0 });

async function drawn(source: AnswerSource, signal?: AbortSignal) {
  const answers: (string | null)[] = [];
  for await (const { index, answer } of source.answers(requests, signal ? { signal } : {}))
    answers[index] = answer;
  return answers;
}

describe('batchedSource', () => {
  const batches: number[] = [];
  const source = batchedSource({
    name: 'echo',
    batchSize: 2,
    async generate(batch) {
      batches.push(batch.length);
      return batch.map(({ messages, sampleIndex }) => `${messages.at(-1)?.content} ${sampleIndex}`);
    },
  });

  test('gives every request its answer, a batch at a time', async () => {
    expect(await drawn(source)).toEqual(['one 0', 'one 1', 'two 0', 'two 1', 'three 0']);
    expect(batches).toEqual([2, 2, 1]);
  });

  test('starts no batch after an abort', async () => {
    await expect(drawn(source, AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
  });

  test('refuses a batch with an answer too few', async () => {
    const careless = batchedSource({ name: 'careless', batchSize: 2, generate: async () => ['only one'] });
    await expect(drawn(careless)).rejects.toThrow(
      "answer source 'careless': gave 1 answers to a batch of 2 requests",
    );
  });
});

test('a recorded source gives what was recorded, and says what was not', async () => {
  const answers = {
    a: [
      ['w', 'x'],
      ['y', 'z'],
    ],
    b: [['v']],
  };
  expect(await drawn(recordedSource('file', answers))).toEqual(['w', 'x', 'y', 'z', 'v']);
  const lacking = drawn(recordedSource('file', { ...answers, b: [[]] }));
  await expect(lacking).rejects.toThrow("holds no answer to question 'b', paraphrase 0, sample 0");
  await expect(lacking).rejects.toSatisfy(AnswerSourceError.isInstance);
});
test('a batched source may tell how an answer ended and what it took', async () => {
  const tokens = { prompt: 3, completion: 1 };
  const source = batchedSource({
    name: 'counting',
    batchSize: 9,
    generate: async (asked) =>
      asked.map((_, index) => (index === 0 ? { answer: 'a', finishReason: 'length', tokens } : 'b')),
  });
  const answers: unknown[] = [];
  for await (const drawn of source.answers(requests.slice(0, 2), {})) answers.push(drawn);
  expect(answers).toEqual([
    { index: 0, answer: 'a', finishReason: 'length', tokens },
    { index: 1, answer: 'b' },
  ]);
});
