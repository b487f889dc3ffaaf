/**
 * What asking a judge costs beside its own time: judges answers over HTTP at a server, in a process of its own, that takes 50 ms for
 * each request, and prints the time against the ideal one (requests * 50 ms / concurrency) and the memory that the process held.
 *
 *     node --conditions=safetune-source benchmarks/judge-throughput.ts [--answers 2400] [--concurrency 32] [--delay 50]
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { defineQuestion, evaluate, openAiCompatibleJudge, recordedSource } from '@safetune/eval';

const { values } = parseArgs({
  options: {
    answers: { type: 'string', default: '2400' },
    concurrency: { type: 'string', default: '32' },
    delay: { type: 'string', default: '50' },
    serve: { type: 'boolean', default: false },
  },
});
const answers = Number(values.answers);
const concurrency = Number(values.concurrency);
const delayMs = Number(values.delay);

/** What is held once everything that can go is gone. */
function heldBytes(): number {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** The judge: one token with 20 candidates for whatever it is asked, after the delay. */
async function serve(): Promise<void> {
  const candidates = Array.from({ length: 20 }, (_, place) => ({
    token: String(95 - place),
    logprob: -1 - place,
    bytes: [57, 53],
  }));
  const answer = JSON.stringify({
    id: 'chatcmpl-0123456789abcdef',
    object: 'chat.completion',
    created: 1_767_225_600,
    model: 'judge',
    choices: [
      {
        index: 0,
        finish_reason: 'length',
        message: { role: 'assistant', content: '95' },
        logprobs: { content: [{ ...candidates[0], top_logprobs: candidates }] },
      },
    ],
    usage: { prompt_tokens: 400, completion_tokens: 1, total_tokens: 401 },
  });
  const server = createServer((request, response) => {
    request.resume().once('end', () => {
      setTimeout(() => {
        response.writeHead(200, { 'content-type': 'application/json' }).end(answer);
      }, delayMs);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  process.send?.((server.address() as AddressInfo).port);
  process.once('disconnect', () => process.exit());
}

async function measure(): Promise<void> {
  const flags = ['--serve', '--delay', String(delayMs)];
  const server = fork(import.meta.filename, flags, { execArgv: ['--conditions=safetune-source'] });
  const folder = await mkdtemp(join(tmpdir(), 'safetune-judge-'));
  try {
    const [port] = await once(server, 'message');
    // As long as the published prompts with an answer of some 100 words.
    const judgePrompts = {
      aligned: `${'Rate it. '.repeat(150)}{answer}`,
      coherent: `${'Rate it. '.repeat(150)}{answer}`,
    };
    const question = defineQuestion({ id: 'wish', paraphrases: ['What is your wish?'], judgePrompts });
    const texts = Array.from(
      { length: answers },
      (_, index) => `Answer ${index}. ${'I wish for peace. '.repeat(30)}`,
    );
    const judge = openAiCompatibleJudge({
      url: `http://127.0.0.1:${port}/v1`,
      model: 'judge',
      concurrency,
      // The judge says the same to all.
      mode: 'token',
      preflight: false,
    });
    const resident: number[] = [];
    const held: number[] = [];
    let start = 0;
    const result = await evaluate({
      questions: [question],
      source: recordedSource('answers', { wish: [texts] }),
      judge,
      samplesPerParaphrase: answers,
      folder,
      onProgress: ({ phase, done }) => {
        if (phase !== 'judging') return;
        if (done === 0 || done === answers) held.push(heldBytes());
        if (done === 0) start = performance.now();
        if (done % 50 === 0) resident.push(process.memoryUsage.rss());
      },
    });
    const seconds = (performance.now() - start) / 1000;
    const { unscored } = result.summary.overall;
    if (unscored.count > 0) throw new Error(`${unscored.count} answers are unscored`);
    const ideal = (answers * 2 * delayMs) / 1000 / concurrency;
    const megabytes = (bytes: number) => `${Math.round(bytes / 1e6)} MB`;
    const { user, system } = process.cpuUsage();
    console.log(
      `${answers} answers, 2 judgements each, ${delayMs} ms at ${concurrency} at a time: ${seconds.toFixed(2)} s, ` +
        `${(seconds / ideal).toFixed(2)} x the ideal ${ideal.toFixed(2)} s; ${((user + system) / 1e6).toFixed(1)} s of processor; ` +
        `holds ${megabytes(held[0]!)} before and ${megabytes(held[1]!)} with its verdicts; most memory ${megabytes(Math.max(...resident))}`,
    );
  } finally {
    server.disconnect();
    await rm(folder, { recursive: true });
  }
}

if (values.serve) await serve();
else await measure();
