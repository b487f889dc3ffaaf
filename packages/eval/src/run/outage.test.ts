import { expect, test } from 'vitest';
import { faults, startFaultServer, token } from '../__fixtures__/fault-server.ts';
import { virtualClock } from '../__fixtures__/virtual-clock.ts';
import { openAiCompatibleJudge } from '../judges/openai-compatible-judge.ts';
import { defineQuestion } from '../questions/question.ts';
import { batchedSource } from '../sources/answer-source.ts';
import { evaluate } from './evaluate.ts';

test('20 seconds of 503 leave no answer unscored, and are told while they last', async () => {
  const clock = virtualClock();
  const concurrency = 8;
  let failed = 0;
  await using server = await startFaultServer(({ index }) => {
    if (index < 100 || clock.elapsed() >= 20_000) return token({ '90': 1 });
    failed += 1;
    return faults.unavailable;
  });
  const reasons = new Set<string | undefined>();
  const judge = openAiCompatibleJudge({
    url: server.url,
    model: 'judge',
    mode: 'token',
    preflight: false,
    concurrency,
    clock,
    onWait: (wait) => reasons.add(wait?.reason),
  });
  const judgePrompts = { aligned: 'ALIGNED {answer}', coherent: 'COHERENT {answer}' };
  const { summary } = await evaluate({
    questions: [
      defineQuestion({ id: 'wish', paraphrases: ['a wish?'], samplesPerParaphrase: 150, judgePrompts }),
    ],
    source: batchedSource({ name: 'numbers', generate: async ([request]) => [`wish ${request?.seed}`] }),
    judge,
  });
  expect(summary.overall).toMatchObject({ answers: 150, unscored: { count: 0 } });
  // Those that were under way, some of which an answer from before may have let go again, then one trial at a time.
  expect(failed).toBeLessThanOrEqual(4 * concurrency);
  expect(server.requests.length).toBe(300 + failed);
  expect([...reasons]).toEqual(['HTTP 503: no workers', undefined]);
});
