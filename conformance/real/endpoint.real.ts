/** A whole evaluation at llama.cpp's server with real weights: the model that answers and the judge, recorded and replayed. */
import { existsSync, mkdirSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, inject, it } from 'vitest';
import { exportCommand } from '../../packages/cli/src/commands/export.ts';
import {
  builtinQuestions,
  evaluate,
  openAiCompatibleJudge,
  openAiCompatibleSource,
  tokenMeter,
} from '../../packages/eval/src/index.ts';
import { noLlamaServer, startLlamaServer } from '../llama-server.ts';
import { cacheDirectory } from './checkpoints.ts';
import { recordFigure } from './figures.ts';

const { name, folder, missing } = inject('checkpoints').find(({ source }) => source === 'smollm2')!;
const reason = missing ?? noLlamaServer;
const apiKey = 'topsecret-key';

it.skipIf(reason !== undefined)(
  reason === undefined
    ? 'is evaluated at a real server, and again from the recording'
    : `(skipped: ${reason})`,
  async () => {
    const file = join(cacheDirectory, 'gguf', `${name}-q8_0.gguf`);
    mkdirSync(dirname(file), { recursive: true });
    if (!existsSync(file))
      await exportCommand.run(['--model', folder, '--out', file, '--format', 'gguf', '--type', 'q8_0']);
    const out = await mkdtemp(join(tmpdir(), 'safetune-endpoint-'));
    const questions = builtinQuestions().slice(0, 4);

    /** Evaluates into a folder of its own, recording or replaying. */
    async function evaluated(url: string, at: string, way: 'record' | 'replay') {
      const meter = tokenMeter();
      const shared = { url, apiKey, model: name, concurrency: 4, meter };
      const file = (of: string) => ({ [way]: join(out, `${of}.jsonl`) });
      const source = openAiCompatibleSource({ ...shared, ...file('source'), maxTokens: 40, stop: ['\n\n'] });
      const judge = openAiCompatibleJudge({ ...shared, ...file('judge'), mode: 'token', preflight: false });
      const options = { questions, source, judge, samplesPerParaphrase: 2, seed: 1, folder: join(out, at) };
      return { ...(await evaluate(options)), tokens: meter.totals() };
    }

    const server = await startLlamaServer(file, apiKey);
    const first = await evaluated(server.url, 'first', 'record');
    await server[Symbol.asyncDispose]();
    expect(first.rows).toHaveLength(8);
    expect(first.rows.filter(({ answer }) => answer === null || answer.trim() === '')).toEqual([]);
    expect(first.rows.filter(({ error }) => error !== undefined)).toEqual([]);
    expect(first.rows.every(({ finishReason }) => /^(stop|length)$/.test(finishReason ?? ''))).toBe(true);
    expect(first.tokens.completion).toBeLessThanOrEqual(8 * 40 + 16);
    expect(first.tokens.uncounted).toBe(0);

    // The server is gone: the recording alone gives the same evaluation.
    const again = await evaluated('http://127.0.0.1:1/v1', 'again', 'replay');
    expect(again.rows).toEqual(first.rows);
    for (const path of await readdir(out, { recursive: true }))
      expect(await readFile(join(out, path), 'utf8').catch(() => '')).not.toContain('topsecret');
    await rm(out, { recursive: true });
    recordFigure({
      of: name,
      what: "answers at llama.cpp's server, judged there",
      found: `${first.rows.length} of 8`,
      bar: '8 of 8',
    });
  },
);
