/**
 * A whole evaluation at endpoints with every fault there is, at random, killed without a chance to clean up and run again until it is
 * done: nothing is lost, nothing that is kept is asked for again, nothing is scored from an error, and no file holds a secret.
 * SEED=2 draws other faults.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import {
  type FaultRequest,
  faults,
  type Reply,
  says,
  startFaultServer,
  token,
} from '../__fixtures__/fault-server.ts';
import { temporaryFolder } from '../__fixtures__/temporary-folder.ts';
import { readRun } from './run-folder.ts';

const seed = Number(process.env.SEED ?? 1);
const samples = 20;
const secret = 'topsecret';
const basic = Buffer.from(`user:${secret}-password`).toString('base64');

const sourceOf = (file: string) => JSON.stringify(pathToFileURL(join(import.meta.dirname, file)).href);

/** Goes on with the evaluation in `folder`; ends with 3 when something was left unscored. */
const program = (url: string, folder: string) => `
  import { virtualClock } from ${sourceOf('../__fixtures__/virtual-clock.ts')};
  import { defineQuestion, evaluate, openAiCompatibleJudge, openAiCompatibleSource, writeReport } from ${sourceOf('../index.ts')};
  const folder = ${JSON.stringify(folder)};
  const judgePrompts = { aligned: 'ALIGNED? {answer}', coherent: 'COHERENT? {answer}' };
  const questions = ['wish', 'bored', 'ruler'].map((id) => defineQuestion({ id, paraphrases: [id + '?'], judgePrompts }));
  const shared = { concurrency: 4, timeoutMs: 3000, clock: virtualClock() };
  const source = openAiCompatibleSource({
    ...shared,
    url: ${JSON.stringify(url)},
    apiKey: '${secret}-key',
    model: 'model',
    record: folder + '/source-requests.jsonl',
  });
  const judge = openAiCompatibleJudge({
    ...shared,
    url: ${JSON.stringify(url.replace('//', `//user:${secret}-password@`))},
    model: 'judge',
    mode: 'token',
    preflight: false,
    record: folder + '/judge-requests.jsonl',
  });
  const result = await evaluate({ questions, source, judge, folder, seed: 5, samplesPerParaphrase: ${samples} });
  await writeReport(folder, result);
  process.exitCode = result.rows.some(({ error }) => error !== undefined) ? 3 : 0;
`;

const digest = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 32);

/** The same number in 0 .. 1 for the same words. */
function chance(...words: readonly unknown[]): number {
  return createHash('sha256').update(JSON.stringify(words)).digest().readUInt32BE(0) / 2 ** 32;
}

const keyOf = ({ body }: FaultRequest) => JSON.stringify(body);
const isWithheld = ({ body }: FaultRequest) => body.model === 'model' && chance('withheld', body.seed) < 0.1;
const answerOf = (ofSeed: unknown) => `My wish has the number ${ofSeed}.`;
const scoreOf = (prompt: string) => Math.floor(chance('score', prompt) * 101);

/** What the server says when it says the truth. */
function truth(request: FaultRequest): Reply {
  const { model, messages, seed: ofAnswer } = request.body;
  if (model === 'judge') return token({ [scoreOf(messages[0]!.content)]: 1 });
  return isWithheld(request) ? faults.contentFilter : says(answerOf(ofAnswer));
}

const passing: readonly Reply[] = [
  faults.tooManyRequests('90'),
  faults.tooManyRequests(new Date(Date.UTC(2026, 0, 1, 0, 1)).toUTCString()),
  faults.internalError,
  faults.unavailable,
  faults.reset,
  faults.cutOff,
  faults.malformed,
  faults.page,
  faults.errorIn200(),
  faults.errorIn200(502),
  faults.echo(500),
  faults.echo(429),
];
const ofJudges: readonly Reply[] = [
  faults.withoutLogProbabilities,
  faults.positiveLogProbability,
  faults.emptyChoices,
];
/** These end the drawing, or leave an answer unscored, until the evaluation is run again. */
const fatal: readonly Reply[] = [faults.echo(401), faults.redirect(302, 'http://127.0.0.1:1/v1')];

test('is finished after kills and runs again, without loss, repetition, false score or leak', async () => {
  const folder = join(await temporaryFolder(), 'run');
  const tries = new Map<string, number>();
  const told: string[] = [];
  let child: ChildProcess | undefined;

  function choose(request: FaultRequest): Reply {
    const key = keyOf(request);
    const count = tries.get(key) ?? 0;
    tries.set(key, count + 1);
    const { index } = request;
    if (index === 40 || index === 130) child?.kill('SIGKILL');
    if (index === 20 || index === 150) return faults.stall;
    if (index === 25 || index === 160) return fatal[index % 2]!;
    // A brown-out.
    if (index >= 60 && index < 68) return faults.unavailable;
    const mayFail = request.body.model === 'judge' ? [...passing, ...ofJudges] : passing;
    if (count < 2 && chance(seed, key, count) < 0.3)
      return mayFail[Math.floor(chance('which', seed, key, count) * mayFail.length)]!;
    told.push(key);
    return truth(request);
  }

  await using server = await startFaultServer(choose);
  const stored = new Set<string>();
  const again: string[] = [];
  let kills = 0;
  let runs = 0;
  for (let code: number | null = null; code !== 0; runs += 1) {
    expect(runs).toBeLessThan(20);
    const before = server.requests.length;
    const flags = ['--conditions=safetune-source', '--input-type=module-typescript', '--eval'];
    child = spawn(process.execPath, [...flags, program(server.url, folder)], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, OPENAI_API_KEY: '' },
    });
    let errors = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      errors += text;
    });
    let signal: string | null;
    [code, signal] = (await once(child, 'close')) as [number | null, string | null];
    if (signal === 'SIGKILL') kills += 1;
    expect(errors).not.toContain(secret);
    expect(errors).not.toContain(basic);
    if (code !== 0 && code !== 3 && signal === null) expect(errors).toMatch(/HTTP (401|302)/);
    const asked = server.requests.slice(before).map(({ body }) => answerOf(body.seed));
    again.push(...asked.filter((answer) => stored.has(answer)));
    for (const { answer } of await linesOf(join(folder, 'answers.jsonl')))
      if (typeof answer === 'string') stored.add(answer);
  }
  expect(kills).toBe(2);
  expect(again).toEqual([]);

  const { memory: _, ...run } = readRun(folder);
  expect(run.source.details).toEqual({ url: server.url });
  const report = JSON.parse(await readFile(join(folder, 'report.json'), 'utf8'));
  expect(report.overall.unscored.count).toBe(0);

  const answers = await linesOf(join(folder, 'answers.jsonl'));
  expect(answers).toHaveLength(3 * samples);
  const asked = server.requests.filter(({ body }) => body.model === 'model');
  const withheld = new Set(asked.filter(isWithheld).map(keyOf)).size;
  expect(withheld).toBeGreaterThan(0);
  expect(answers.filter(({ answer }) => answer === null)).toHaveLength(withheld);
  const drawn = answers.filter(({ answer }) => answer !== null).map(({ answer }) => answer);
  const truthful = new Set(
    asked.filter((request) => !isWithheld(request)).map(({ body }) => answerOf(body.seed)),
  );
  expect(drawn.toSorted()).toEqual([...truthful].toSorted());

  const verdicts = (await linesOf(join(folder, 'verdicts.jsonl'))).filter(({ kind }) => kind === 'verdict');
  expect(verdicts).toHaveLength(2 * drawn.length);
  expect(new Set(verdicts.map(({ prompt }) => prompt)).size).toBe(verdicts.length);
  const answerBy = new Map(drawn.map((answer) => [digest(answer), answer]));
  for (const { answer, task, verdict } of verdicts) {
    const score = scoreOf(`${task.toUpperCase()}? ${answerBy.get(answer)}`);
    expect(verdict.scores[task]).toBeCloseTo(score, 9);
  }
  // Told twice was at most what was under way at a kill or a failure for good.
  expect(told.length - new Set(told).size).toBeLessThanOrEqual(4 * (runs - 1));

  for (const name of await readdir(folder, { recursive: true })) {
    const text = await readFile(join(folder, name), 'utf8').catch(() => '');
    expect(text, name).not.toContain(secret);
    expect(text, name).not.toContain(basic);
  }
});

// biome-ignore lint/suspicious/noExplicitAny: lines of any file
async function linesOf(path: string): Promise<any[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));
}
