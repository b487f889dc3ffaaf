import { expect, test } from 'vitest';
import { faults, startFaultServer } from '../__fixtures__/fault-server.ts';
import { defineQuestion } from '../questions/question.ts';
import { askJudge } from './judge.ts';
import { openAiCompatibleJudge } from './openai-compatible-judge.ts';

const judgePrompts = { aligned: 'ALIGNED {answer}', coherent: 'COHERENT {answer}' };
const question = defineQuestion({ id: 'wish', paraphrases: ['a wish?'], judgePrompts });
const item = { question, prompt: 'a wish?', answer: 'Peace.' };

test.each([
  ['full-width digits', faults.fullWidthDigits, undefined],
  ['a number with a sign', faults.signedNumber, undefined],
  ['a withheld answer', faults.contentFilter, undefined],
  ['a refused request', faults.refusedRequest, undefined],
  ['no log-probabilities', faults.withoutLogProbabilities, 'no log-probabilities'],
  ['a log-probability above 0', faults.positiveLogProbability, 'above 0'],
  ['no choices', faults.emptyChoices, 'no choices'],
  ['an error', faults.echo(400), 'HTTP 400'],
])('%s is never a score', async (_, reply, error) => {
  await using server = await startFaultServer(() => reply);
  const judge = openAiCompatibleJudge({ url: server.url, model: 'm', mode: 'token', preflight: false });
  const verdict = await askJudge(judge, item);
  expect(verdict).toMatchObject({ aligned: null, coherent: null });
  if (error === undefined) expect(verdict.error).toBeUndefined();
  else expect(verdict.error).toContain(error);
});

test('a judge that spells 90 as 9 and 0 to everything is refused before it is believed to say 9', async () => {
  await using server = await startFaultServer(() => faults.splitDigits);
  const judge = openAiCompatibleJudge({ url: server.url, model: 'm', mode: 'token' });
  await expect(judge.prepare?.({ questions: [question] })).rejects.toMatchObject({
    name: 'JudgePreflightError',
  });
});
