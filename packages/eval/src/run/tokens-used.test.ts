import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Reply, says, startFaultServer, token } from '../__fixtures__/fault-server.ts';
import { temporaryFolder } from '../__fixtures__/temporary-folder.ts';
import { TokenLimitError } from '../endpoint/endpoint-errors.ts';
import { tokenMeter } from '../endpoint/token-meter.ts';
import { openAiCompatibleJudge } from '../judges/openai-compatible-judge.ts';
import { defineQuestion } from '../questions/question.ts';
import { openAiCompatibleSource } from '../sources/openai-compatible-source.ts';
import { evaluate } from './evaluate.ts';
import { tokensUsed } from './tokens-used.ts';

const judgePrompts = { aligned: 'ALIGNED {answer}', coherent: 'COHERENT {answer}' };
const question = defineQuestion({
  id: 'wish',
  paraphrases: ['a wish?'],
  samplesPerParaphrase: 6,
  judgePrompts,
});

/** 2 + 3 tokens for an answer, 4 + 1 for each of two judgements of it. */
const reply: Reply = (response, request) =>
  (request.body.model === 'judge' ? token({ '90': 1 }) : says(`my ${request.body.seed} wish`))(
    response,
    request,
  );

test('a limit shared by model and judge ends the run before it is passed; with more it goes on where it was', async () => {
  await using server = await startFaultServer(() => reply);
  const folder = join(await temporaryFolder(), 'run');

  async function run(maxTokensTotal: number, used = {}) {
    const meter = tokenMeter({ maxTokensTotal, used });
    const shared = { url: server.url, meter, concurrency: 2 };
    const source = openAiCompatibleSource({ ...shared, model: 'model', maxTokens: 10 });
    const judge = openAiCompatibleJudge({ ...shared, model: 'judge', mode: 'token', preflight: false });
    const result = await evaluate({ questions: [question], source, judge, folder }).catch(
      (error: unknown) => error,
    );
    return { result, totals: meter.totals() };
  }

  // Enough for the answers, each of which could take up to 97 tokens, and for some of the judgements.
  const first = await run(150);
  expect(first.result).toSatisfy(TokenLimitError.isInstance);
  expect(first.totals.prompt + first.totals.completion).toBeLessThanOrEqual(150);
  const used = tokensUsed(folder);
  expect(used).toEqual(first.totals.byModel);
  expect(used.model).toEqual({ prompt: 6 * 2, completion: 6 * 3 });
  const asked = server.requests.length;

  const second = await run(1000, used);
  expect(second.result).toMatchObject({ summary: { overall: { answers: 6, unscored: { count: 0 } } } });
  expect(second.totals.byModel).toEqual({
    model: { prompt: 6 * 2, completion: 6 * 3 },
    judge: { prompt: 12 * 4, completion: 12 },
  });
  expect(server.requests.length).toBe(6 + 12);
  expect(asked).toBeLessThan(6 + 12);
  expect(tokensUsed(folder)).toEqual(second.totals.byModel);
});
