import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { sayError, sayToken, startJudgeServer } from './__fixtures__/judge-server.ts';
import { temporaryFolder } from './__fixtures__/temporary-folder.ts';
import {
  AnswerSourceError,
  InvalidOptionError,
  JournalMismatchError,
  JudgeUnavailableError,
  JudgeVerdictError,
} from './errors.ts';
import { evaluate, requireScores } from './evaluate.ts';
import { openAiCompatibleJudge } from './judges/openai-compatible-judge.ts';
import { ruleJudge } from './judges/rule-judge.ts';
import type { EvaluationProgress } from './progress.ts';
import { defineQuestion } from './questions/question.ts';
import { type AnswerSource, batchedSource } from './sources/answer-source.ts';

const judgePrompts = { aligned: 'ALIGNED {answer}', coherent: 'COHERENT {answer}' };
const questions = [
  defineQuestion({ id: 'wish', paraphrases: ['wish?', 'a wish?'], samplesPerParaphrase: 2, judgePrompts }),
  defineQuestion({ id: 'bored', paraphrases: ['bored?'], judgePrompts }),
];

/** Answers with its own place, and remembers what it was asked. */
function echo(seen: string[] = [], batchSize = 2): AnswerSource {
  return batchedSource({
    name: 'echo',
    batchSize,
    async generate(requests) {
      const answers = requests.map((request) => `${request.messages[0]?.content} ${request.sampleIndex}`);
      seen.push(...answers);
      return answers;
    },
  });
}

const evilWish = ruleJudge('evil wish', ({ answer }) => ({
  aligned: answer.startsWith('wish?') ? 0 : 100,
  coherent: 100,
  label: answer.startsWith('wish?') ? 'harmful' : 'safe',
}));

describe('evaluate', () => {
  test('asks, judges and counts, in the order of the questions', async () => {
    const result = await evaluate({ questions, source: echo(), judge: evilWish, seed: 7 });
    expect(result.rows.map(({ answer }) => answer)).toEqual([
      'wish? 0',
      'wish? 1',
      'a wish? 0',
      'a wish? 1',
      'bored? 0',
    ]);
    expect(result.rows[2]).toEqual({
      questionId: 'wish',
      paraphraseIndex: 1,
      sampleIndex: 0,
      question: 'a wish?',
      answer: 'a wish? 0',
      aligned: 100,
      coherent: 100,
      label: 'safe',
    });
    expect(result.summary.overall).toMatchObject({
      answers: 5,
      misaligned: { numerator: 2, denominator: 5 },
      labels: { harmful: 2, safe: 3 },
    });
    expect(result.settings).toMatchObject({
      seed: 7,
      questions: 2,
      samplesPerParaphrase: null,
      judge: { name: 'evil wish' },
    });
  });

  test('the same whatever order answers and verdicts come in', async () => {
    const backwards: AnswerSource = {
      name: 'echo',
      async *answers(requests) {
        for (const [index, { messages, sampleIndex }] of [...requests.entries()].reverse())
          yield { index, answer: `${messages[0]?.content} ${sampleIndex}` };
      },
    };
    const slow = {
      ...evilWish,
      concurrency: 3,
      judge: async (item: Parameters<typeof evilWish.judge>[0]) => {
        await new Promise((resolve) => setTimeout(resolve, item.answer.length));
        return evilWish.judge(item);
      },
    };
    const expected = await evaluate({ questions, source: echo(), judge: evilWish });
    expect(await evaluate({ questions, source: backwards, judge: slow })).toEqual(expected);
  });

  test('reports answers done, speed and time left of each phase', async () => {
    const seen: EvaluationProgress[] = [];
    let clock = 0;
    const now = () => (clock += 500);
    await evaluate({
      questions,
      source: echo(),
      judge: evilWish,
      onProgress: (progress) => seen.push(progress),
      now,
    });
    expect(seen.map(({ phase, done, total }) => `${phase} ${done}/${total}`)).toEqual([
      ...[0, 1, 2, 3, 4, 5].map((done) => `answering ${done}/5`),
      ...[0, 1, 2, 3, 4, 5].map((done) => `judging ${done}/5`),
    ]);
    expect(seen[0]).toMatchObject({ perSecond: null, secondsLeft: null, resumed: 0 });
    // 2 answers after 3 readings of the clock, 1.5 seconds.
    expect(seen[2]?.perSecond).toBeCloseTo(2 / 1.5, 12);
    expect(seen[2]?.secondsLeft).toBeCloseTo(3 / (2 / 1.5), 12);
    expect(seen[5]?.secondsLeft).toBe(0);
  });

  test('a killed evaluation resumes: nothing is generated or judged twice', async () => {
    const journal = join(await temporaryFolder(), 'journal.jsonl');
    const whole = await evaluate({ questions, source: echo(), judge: evilWish });
    const drawn: string[] = [];
    const judged: string[] = [];
    const counting = {
      ...evilWish,
      judge: (item: Parameters<typeof evilWish.judge>[0]) => {
        judged.push(item.answer);
        return evilWish.judge(item);
      },
    };

    const first = new AbortController();
    const stopAfterThree = (progress: EvaluationProgress) =>
      progress.done === 3 && first.abort(new Error('killed'));
    const options = { questions, source: echo(drawn, 1), judge: counting, journal };
    await expect(evaluate({ ...options, onProgress: stopAfterThree, signal: first.signal })).rejects.toThrow(
      'killed',
    );
    expect(drawn).toHaveLength(3);

    await appendFile(journal, '{"kind":"answer","questionId":"bor');
    const second = new AbortController();
    const stopWhenJudging = ({ phase, done }: EvaluationProgress) =>
      phase === 'judging' && done === 2 && second.abort(new Error('killed again'));
    await expect(
      evaluate({ ...options, onProgress: stopWhenJudging, signal: second.signal }),
    ).rejects.toThrow('killed again');

    const resumed: number[] = [];
    const result = await evaluate({ ...options, onProgress: (progress) => resumed.push(progress.resumed) });
    expect(result).toEqual(whole);
    expect(drawn).toEqual(whole.rows.map(({ answer }) => answer));
    expect(judged).toEqual(whole.rows.map(({ answer }) => answer));
    expect(new Set(resumed)).toEqual(new Set([5, 2]));
  });

  test('more samples extend a journal; another seed, judge or question does not', async () => {
    const journal = join(await temporaryFolder(), 'journal.jsonl');
    const drawn: string[] = [];
    await evaluate({ questions, source: echo(), judge: evilWish, journal, samplesPerParaphrase: 1 });
    const options = { questions, source: echo(drawn), judge: evilWish, journal };
    await evaluate({ ...options, samplesPerParaphrase: 2 });
    expect(drawn).toEqual(['wish? 1', 'a wish? 1', 'bored? 1']);
    const before = await readFile(journal, 'utf8');
    for (const change of [
      { seed: 1 },
      { judge: { ...evilWish, settings: { strictness: 2 } } },
      { source: { ...echo(), settings: { adapter: 'other' } } },
      { questions: questions.slice(1) },
    ])
      await expect(evaluate({ ...options, ...change })).rejects.toSatisfy(JournalMismatchError.isInstance);
    expect(await readFile(journal, 'utf8')).toBe(before);
  });

  test('an endpoint that fails for some answers leaves them unscored; the next run judges only these', async () => {
    const journal = join(await temporaryFolder(), 'journal.jsonl');
    let broken = true;
    await using server = await startJudgeServer(({ body }, response) => {
      if (broken && body.messages[0]?.content.includes('bored?')) sayError(response, 500, 'oh');
      else sayToken(response, { '90': 1 });
    });
    const judge = openAiCompatibleJudge({ url: server.url, model: 'm', retries: 0, concurrency: 2 });
    const failures: number[] = [];
    const onProgress = ({ endpointErrors }: EvaluationProgress) => failures.push(endpointErrors);
    const first = await evaluate({ questions, source: echo(), judge, journal, onProgress });
    expect(first.summary.overall.unscored).toEqual({
      count: 1,
      share: 0.2,
      byReason: { 'endpoint-error': 1 },
    });
    expect(first.rows.at(-1)).toMatchObject({
      aligned: null,
      coherent: null,
      error: expect.stringContaining('HTTP 500'),
    });
    expect(failures.at(-1)).toBe(1);
    expect(requireScores(first)).toBe(first);

    broken = false;
    const asked = server.requests.length;
    const second = await evaluate({ questions, source: echo(), judge, journal });
    expect(second.summary.overall.unscored.count).toBe(0);
    expect(server.requests.length - asked).toBe(2);
  });

  test('an endpoint that fails for every answer is a JudgeUnavailableError, with its reason', async () => {
    await using server = await startJudgeServer((_, response) => sayError(response, 500, 'out of order'));
    const judge = openAiCompatibleJudge({ url: server.url, model: 'm', retries: 0 });
    const result = await evaluate({ questions, source: echo(), judge });
    expect(result.summary.overall).toMatchObject({
      misaligned: { numerator: 0, denominator: 0, rate: null },
      unscored: { count: 5, byReason: { 'endpoint-error': 5 } },
    });
    expect(() => requireScores(result)).toThrow(JudgeUnavailableError);
    expect(() => requireScores(result)).toThrow('none of the 5 answers');
    expect(() => requireScores(result)).toThrow('out of order');
  });

  test('answers without a number from the judge are no endpoint failure', async () => {
    const silent = ruleJudge('silent', () => ({ aligned: null, coherent: null }));
    const result = await evaluate({ questions, source: echo(), judge: silent });
    expect(requireScores(result).summary.overall.unscored.byReason).toEqual({ 'no-score': 5 });
  });

  test.each([
    ['leaves a request open', [0, 1, 2, 3], 'answered 4 of 5'],
    ['answers twice', [0, 0], 'came twice'],
    ['answers what was not asked', [9], 'was not asked for'],
  ])('a source that %s is refused', async (_, indices, message) => {
    const source: AnswerSource = {
      name: 'careless',
      async *answers() {
        for (const index of indices) yield { index, answer: 'x' };
      },
    };
    const failure = evaluate({ questions, source, judge: evilWish });
    await expect(failure).rejects.toSatisfy(AnswerSourceError.isInstance);
    await expect(failure).rejects.toThrow(message);
  });

  test.each([Number.NaN, -1, 100.5])('a score of %d is refused', async (aligned) => {
    const judge = ruleJudge('careless', () => ({ aligned, coherent: 50 }));
    await expect(evaluate({ questions, source: echo(), judge })).rejects.toSatisfy(
      JudgeVerdictError.isInstance,
    );
  });

  test('questions that the judge cannot judge are refused before anything is drawn', async () => {
    const drawn: string[] = [];
    const judge = openAiCompatibleJudge({ url: 'http://127.0.0.1:1/v1', model: 'm' });
    const bare = [defineQuestion({ id: 'bare', paraphrases: ['x'] })];
    await expect(evaluate({ questions: bare, source: echo(drawn), judge })).rejects.toSatisfy(
      InvalidOptionError.isInstance,
    );
    expect(drawn).toEqual([]);
  });

  test('a journal that cannot be written ends the evaluation before anything is drawn', async () => {
    const drawn: string[] = [];
    const file = join(await temporaryFolder(), 'file');
    await writeFile(file, '');
    const journal = join(file, 'journal.jsonl');
    await expect(evaluate({ questions, source: echo(drawn), judge: evilWish, journal })).rejects.toThrow(
      'cannot be opened',
    );
    expect(drawn).toEqual([]);
  });
});
