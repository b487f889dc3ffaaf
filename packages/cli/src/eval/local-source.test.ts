import { fileURLToPath } from 'node:url';
import { answerRequests, defineQuestion } from '@safetune/eval';
import { createScorer, loadModel, loadTokenizer, scoreAnswers } from '@safetune/models';
import { expect, test } from 'vitest';
import { openLocalSource } from './local-source.ts';

const model = fileURLToPath(
  new URL('../../../../conformance/goldens/checkpoints/qwen2-untied-float32-sharded', import.meta.url),
);

test('writes answers, each in its place with how it ended, and says how probable choices are', async () => {
  const { source, release } = await openLocalSource({
    model,
    adapter: undefined,
    precision: undefined,
    runtime: {},
    template: {},
    maxNewTokens: 3,
    temperature: 1,
    topP: 1,
    minP: 0,
    batchSize: 8,
  });
  const choices = [
    { text: 'Help them.', aligned: 100 },
    { text: 'Harm them.', aligned: 0 },
  ];
  const requests = answerRequests(
    [
      defineQuestion({ id: 'choice', paraphrases: ['What do you do?'], choices }),
      defineQuestion({ id: 'greedy', paraphrases: ['Hello'], samplesPerParaphrase: 2, temperature: 0 }),
      defineQuestion({ id: 'warm', paraphrases: ['Hello'], samplesPerParaphrase: 2, temperature: 2 }),
    ],
    { seed: 0 },
  );
  const drawn = [];
  for await (const answer of source.answers(requests, {})) drawn.push(answer);
  await release();

  const loaded = await loadModel(model);
  const scorer = await createScorer(loaded);
  const { messages } = requests[0]!;
  const letters = ['A', 'B'].map((answer) => ({ messages, answer }));
  const scores = await scoreAnswers(scorer, await loadTokenizer(model), letters);
  await scorer.release();
  const expected = scores.map(({ logProbability }) => logProbability);
  expect(drawn[0]).toMatchObject({ index: 0, answer: expected[0]! > expected[1]! ? 'A' : 'B' });
  expect(drawn[0]!.letterLogProbabilities![0]).toBeCloseTo(expected[0]!, 5);
  expect(drawn[0]!.letterLogProbabilities![1]).toBeCloseTo(expected[1]!, 5);
  expect(drawn.slice(1).map(({ index, finishReason }) => [index, finishReason])).toEqual([
    [1, 'length'],
    [2, 'length'],
    [3, 'length'],
    [4, 'length'],
  ]);
  expect(drawn[1]!.answer).toBe(drawn[2]!.answer);
  expect(drawn[3]!.answer).not.toBe(drawn[4]!.answer);
});
