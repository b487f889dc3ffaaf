import { expect, test } from 'vitest';
import { sayError, sayJson, startJudgeServer } from '../__fixtures__/judge-server.ts';
import { AnswerSourceError } from '../errors.ts';
import { defineQuestion } from '../questions/question.ts';
import { answerRequests } from './answer-requests.ts';
import { openAiCompatibleSource } from './openai-compatible-source.ts';

const question = defineQuestion({
  id: 'a',
  paraphrases: ['one', 'two', 'three', 'four'],
  system: 'be brief',
});
const requests = answerRequests([question], { seed: 3 });

test('draws every answer once, with its seed and the paper’s sampling', async () => {
  await using server = await startJudgeServer(({ body }, response) =>
    sayJson(response, 200, { choices: [{ message: { content: `re: ${body.messages.at(-1)?.content}` } }] }),
  );
  const source = openAiCompatibleSource({ url: server.url, model: 'served', concurrency: 3 });
  const answers: (string | null)[] = [];
  for await (const { index, answer } of source.answers(requests, {})) answers[index] = answer;
  expect(answers).toEqual(['re: one', 're: two', 're: three', 're: four']);
  expect(server.requests).toHaveLength(4);
  expect(server.requests[0]?.body).toMatchObject({
    model: 'served',
    messages: [
      { role: 'system', content: 'be brief' },
      { role: 'user', content: 'one' },
    ],
    temperature: 1,
    top_p: 1,
    max_tokens: 600,
    seed: requests[0]?.seed,
  });
});

test('an endpoint that fails for good ends the drawing', async () => {
  await using server = await startJudgeServer((_, response) => sayError(response, 500, 'broken'));
  const source = openAiCompatibleSource({ url: server.url, model: 'served', retries: 0 });
  const draw = async () => {
    for await (const _ of source.answers(requests, {}));
  };
  await expect(draw()).rejects.toSatisfy(AnswerSourceError.isInstance);
});
