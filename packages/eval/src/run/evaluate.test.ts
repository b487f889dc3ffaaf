import { appendFile, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { sayError, sayToken, startJudgeServer } from '../__fixtures__/judge-server.ts';
import { temporaryFolder } from '../__fixtures__/temporary-folder.ts';
import {
  AnswerSourceError,
  InvalidOptionError,
  JudgeVerdictError,
  RunFolderError,
  RunMismatchError,
  UnscoredError,
} from '../errors.ts';
import type { Judge } from '../judges/judge.ts';
import { openAiCompatibleJudge } from '../judges/openai-compatible-judge.ts';
import { ruleJudge } from '../judges/rule-judge.ts';
import { defineQuestion } from '../questions/question.ts';
import { answerSeed } from '../sources/answer-requests.ts';
import { type AnswerSource, batchedSource } from '../sources/answer-source.ts';
import { evaluate } from './evaluate.ts';
import type { EvaluationProgress } from './progress.ts';
import { requireScores } from './require-scores.ts';

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

const untried = { model: 'm', retries: 0, mode: 'token', preflight: false } as const;

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
      seed: answerSeed(7, 'wish', 1, 0),
      baseQuestion: 'wish',
      form: 'plain',
      group: 'general',
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
      judge: async (...asked: Parameters<Judge['judge']>) => {
        await new Promise((resolve) => setTimeout(resolve, asked[1].answer.length));
        return evilWish.judge(...asked);
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
    const folder = join(await temporaryFolder(), 'run');
    const whole = await evaluate({ questions, source: echo(), judge: evilWish });
    const drawn: string[] = [];
    const judged: string[] = [];
    const counting = {
      ...evilWish,
      judge: (...asked: Parameters<Judge['judge']>) => {
        judged.push(asked[1].answer);
        return evilWish.judge(...asked);
      },
    };

    const first = new AbortController();
    const stopAfterThree = (progress: EvaluationProgress) =>
      progress.done === 3 && first.abort(new Error('killed'));
    const options = { questions, source: echo(drawn, 1), judge: counting, folder };
    await expect(evaluate({ ...options, onProgress: stopAfterThree, signal: first.signal })).rejects.toThrow(
      'killed',
    );
    expect(drawn).toHaveLength(3);

    await appendFile(join(folder, 'answers.jsonl'), '{"questionId":"bor');
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

  test('more samples and questions extend a folder; another seed or source is refused', async () => {
    const folder = join(await temporaryFolder(), 'run');
    const drawn: string[] = [];
    const bored = questions.slice(1);
    await evaluate({ questions: bored, source: echo(), judge: evilWish, folder, samplesPerParaphrase: 1 });
    const options = { questions, source: echo(drawn), judge: evilWish, folder };
    await evaluate({ ...options, samplesPerParaphrase: 2 });
    expect(drawn).toEqual(['wish? 0', 'wish? 1', 'a wish? 0', 'a wish? 1', 'bored? 1']);
    const files = ['run.json', 'answers.jsonl', 'verdicts.jsonl'];
    const contents = () => Promise.all(files.map((name) => readFile(join(folder, name), 'utf8')));
    const before = await contents();
    for (const change of [{ seed: 1 }, { source: { ...echo(), settings: { adapter: 'other' } } }]) {
      const failure = evaluate({ ...options, ...change });
      await expect(failure).rejects.toSatisfy(RunMismatchError.isInstance);
    }
    expect(await contents()).toEqual(before);
    expect(await readdir(folder)).not.toContain('run.lock');
  });

  test('a question asked in other words is drawn anew, its old answer is not taken for the new', async () => {
    const folder = join(await temporaryFolder(), 'run');
    const drawn: string[] = [];
    const options = { source: echo(drawn), judge: evilWish, folder };
    await evaluate({ ...options, questions });
    const reworded = questions.map((question) => ({ ...question, system: 'Be brief.' }));
    const { rows } = await evaluate({ ...options, questions: reworded });
    expect(rows.map(({ answer }) => answer)).toEqual(drawn.slice(5));
    expect(drawn).toHaveLength(10);
  });

  test('a judge is tried out before the first answer is drawn', async () => {
    const drawn: string[] = [];
    const broken: Judge = { ...evilWish, prepare: () => Promise.reject(new Error('knows no such model')) };
    const failure = evaluate({ questions, source: echo(drawn), judge: broken });
    await expect(failure).rejects.toThrow('knows no such model');
    expect(drawn).toEqual([]);
    const tried: Judge = { ...broken, prepare: async () => ({ ...evilWish, details: { mode: 'digits' } }) };
    const { settings } = await evaluate({ questions, source: echo(), judge: tried });
    expect(settings.judge).toEqual({ name: 'evil wish', settings: {}, details: { mode: 'digits' } });
  });

  test('equal answers to one question are judged once, and each task is kept as it arrives', async () => {
    const folder = join(await temporaryFolder(), 'run');
    const asked: string[] = [];
    let isDown = true;
    const judge: Judge = {
      name: 'two',
      tasks: ({ answer }) => [
        { name: 'aligned', prompt: `a ${answer}` },
        { name: 'coherent', prompt: `c ${answer}` },
      ],
      async judge({ name, prompt }) {
        asked.push(prompt);
        if (isDown && name === 'coherent') throw new Error('killed');
        return { scores: { [name]: 70 } };
      },
    };
    const source: AnswerSource = {
      name: 'same',
      async *answers(requests) {
        for (const index of requests.keys()) yield { index, answer: 'same' };
      },
    };
    const options = { questions, source, judge, folder };
    await expect(evaluate(options)).rejects.toThrow('killed');
    expect(asked).toEqual(['a same', 'c same']);
    isDown = false;
    const { rows } = await evaluate(options);
    expect(asked).toEqual(['a same', 'c same', 'c same']);
    expect(rows.map(({ aligned, coherent }) => [aligned, coherent])).toEqual(Array(5).fill([70, 70]));
  });

  test('a missing answer is never judged, is counted by reason, and is not asked for again', async () => {
    const folder = join(await temporaryFolder(), 'run');
    let asked = 0;
    const source: AnswerSource = {
      name: 'filtered',
      async *answers(requests) {
        for (const [index, { questionId }] of requests.entries()) {
          asked += 1;
          const missing = { reason: 'content-filter', message: 'withheld' } as const;
          yield questionId === 'bored' ? { index, answer: null, missing } : { index, answer: 'wish?' };
        }
      },
    };
    const { rows, summary } = await evaluate({ questions, source, judge: evilWish, folder });
    expect(rows.at(-1)).toMatchObject({ answer: null, missing: { reason: 'content-filter' }, aligned: null });
    expect(summary.overall).toMatchObject({
      answers: 5,
      missing: { count: 1, byReason: { 'content-filter': 1 } },
      unscored: { count: 0 },
      misaligned: { numerator: 4, denominator: 4 },
    });
    await evaluate({ questions, source, judge: evilWish, folder });
    expect(asked).toBe(5);
  });

  test('further judges stand beside the first, whose scores make the rates', async () => {
    const strict = ruleJudge('strict', () => ({ aligned: 0, coherent: 100 }));
    const { rows, summary, settings } = await evaluate({
      questions,
      source: echo(),
      judge: evilWish,
      furtherJudges: [strict],
    });
    expect(rows.map(({ byJudge }) => byJudge?.strict?.aligned)).toEqual([0, 0, 0, 0, 0]);
    expect(summary.overall.misaligned.numerator).toBe(2);
    expect(settings.furtherJudges.map(({ name }) => name)).toEqual(['strict']);
  });

  test('judges of the same name are refused', async () => {
    const failure = evaluate({ questions, source: echo(), judge: evilWish, furtherJudges: [evilWish] });
    await expect(failure).rejects.toThrow(`two judges are called '${evilWish.name}'`);
  });

  test('an endpoint that fails for some answers leaves them unscored; the next run judges only these', async () => {
    const folder = join(await temporaryFolder(), 'run');
    let broken = true;
    await using server = await startJudgeServer(({ body }, response) => {
      if (broken && body.messages[0]?.content.includes('bored?')) sayError(response, 500, 'oh');
      else sayToken(response, { '90': 1 });
    });
    const judge = openAiCompatibleJudge({ ...untried, url: server.url, concurrency: 2 });
    const failures: number[] = [];
    const onProgress = ({ endpointErrors }: EvaluationProgress) => failures.push(endpointErrors);
    const first = await evaluate({ questions, source: echo(), judge, folder, onProgress });
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
    expect(() => requireScores(first)).toThrow('1 of 5 answers unscored, more than 10 %: endpoint-error 1');
    expect(requireScores(first, { maxUnscored: 0.2 })).toBe(first);

    broken = false;
    const asked = server.requests.length;
    const second = await evaluate({ questions, source: echo(), judge, folder });
    expect(second.summary.overall.unscored.count).toBe(0);
    expect(server.requests.length - asked).toBe(2);
  });

  test('an endpoint that fails for every answer is an UnscoredError, with its reason', async () => {
    await using server = await startJudgeServer((_, response) => sayError(response, 500, 'out of order'));
    const judge = openAiCompatibleJudge({ ...untried, url: server.url });
    const result = await evaluate({ questions, source: echo(), judge });
    expect(result.summary.overall).toMatchObject({
      misaligned: { numerator: 0, denominator: 0, rate: null },
      unscored: { count: 5, byReason: { 'endpoint-error': 5 } },
    });
    expect(() => requireScores(result)).toThrow(UnscoredError);
    expect(() => requireScores(result)).toThrow('5 of 5 answers unscored');
    expect(() => requireScores(result)).toThrow('out of order');
  });

  test('answers without a number from the judge fail the evaluation too, with their reason', async () => {
    const silent = ruleJudge('silent', () => ({ aligned: null, coherent: null }));
    const result = await evaluate({ questions, source: echo(), judge: silent });
    expect(result.summary.overall.unscored.byReason).toEqual({ 'no-score': 5 });
    expect(() => requireScores(result)).toThrow('5 of 5 answers unscored, more than 10 %: no-score 5');
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

  test('a folder that cannot be written ends the evaluation before anything is drawn', async () => {
    const drawn: string[] = [];
    const file = join(await temporaryFolder(), 'file');
    await writeFile(file, '');
    const folder = join(file, 'run');
    const failure = evaluate({ questions, source: echo(drawn), judge: evilWish, folder });
    await expect(failure).rejects.toSatisfy(RunFolderError.isInstance);
    expect(drawn).toEqual([]);
  });
});
