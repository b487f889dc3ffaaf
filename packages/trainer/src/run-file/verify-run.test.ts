/** Runs that end otherwise than with their last step are verified to that end, and what they measure between steps is compared too. */
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkpointDirectory } from '../__fixtures__/goldens.ts';
import { examples } from '../__fixtures__/small-run.ts';
import type { TrainOptions } from '../run/train-options.ts';
import { openRun } from './open-run.ts';
import { readRun } from './read-run.ts';
import { trainRun } from './train-run.ts';
import { verifyRun } from './verify-run.ts';

let root: string;
let data: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'safetune-verify-run-'));
  data = join(root, 'chats.jsonl');
  await writeFile(data, examples.map((example) => `${JSON.stringify(example)}\n`).join(''));
});
afterAll(() => rm(root, { recursive: true }));

/** Trains a run of these fields into a folder of this name. */
async function runOf(name: string, fields: object, options: Pick<TrainOptions, 'onEvent' | 'signal'> = {}) {
  const values = {
    model: checkpointDirectory('llama-untied-float32'),
    data,
    out: join(root, name),
    adapter: { r: 4 },
    steps: 12,
    learning_rate: 0.05,
    ...fields,
  };
  const given = Object.entries(values).map(([field, value]) => ({ path: [field], value, name: field }));
  const opened = await openRun(await readRun({ given }));
  const result = await trainRun(opened, options).catch((error: Error) => {
    if (error.message !== 'killed') throw error;
    return undefined;
  });
  return { directory: values.out, result };
}

const all = (directory: string) => verifyRun(directory, { steps: 'all' });
const lines = async (directory: string) =>
  (await readFile(join(directory, 'metrics.jsonl'), 'utf8')).trim().split('\n');

describe('a run is verified to its end', () => {
  it('when a callback ended it', async () => {
    const { directory, result } = await runOf(
      'callback',
      {},
      {
        onEvent: (event, run) => event.type === 'step' && event.step === 5 && run.stop('enough'),
      },
    );
    expect(result?.ended).toMatchObject({ by: 'callback', step: 5 });
    expect(JSON.parse((await lines(directory)).at(-1)!)).toEqual({
      step: 5,
      ended: { by: 'callback', result_of_step: 5, reason: 'enough' },
    });
    expect(await all(directory)).toMatchObject({ isSame: true, to: 5, adapter: { isSame: true } });
  });

  it('when the sentinel sent it back', async () => {
    const probe = { type: 'kl', bounds: { roll_back: 1e-4 } };
    const { directory, result } = await runOf('sentinel', { sentinel: { every_steps: 2, probes: [probe] } });
    expect(result?.ended?.by).toBe('sentinel');
    const { adapter, isSame } = await all(directory);
    expect([isSame, adapter?.isSame]).toEqual([true, true]);
    const metrics = await lines(directory);
    const changed = metrics[0]!.replace(/"kl-safe":[^}]+/, '"kl-safe":0.5');
    expect(changed).not.toBe(metrics[0]);
    await writeFile(join(directory, 'metrics.jsonl'), `${[changed, ...metrics.slice(1)].join('\n')}\n`);
    expect(await verifyRun(directory)).toMatchObject({
      isSame: false,
      differences: [{ step: 0, metric: 'sentinel.kl-safe', recorded: 0.5, replayed: 0 }],
    });
  });

  it('when patience ran out, with the best values', async () => {
    const evaluation = { data, every: 1, patience: 2, restore_best: true };
    const { directory, result } = await runOf('patience', {
      evaluation,
      learning_rate: 1,
      max_grad_norm: 100,
    });
    expect(result?.ended?.by).toBe('evaluation');
    expect(await all(directory)).toMatchObject({ isSame: true, adapter: { isSame: true } });
  });

  it('of pairs of answers too', async () => {
    const pairs = join(root, 'pairs.jsonl');
    const pair = { prompt: 'question', chosen: 'yes', rejected: 'no, never' };
    await writeFile(pairs, `${JSON.stringify(pair)}\n`.repeat(8));
    const { directory } = await runOf('pairs', { data: pairs, objective: { type: 'dpo' }, steps: 2 });
    expect(await lines(directory)).toEqual([
      expect.stringContaining('"pairs":{'),
      expect.stringContaining('"pairs":{'),
    ]);
    expect(await all(directory)).toMatchObject({ isSame: true, differences: [], adapter: { isSame: true } });
  });
});

describe('a run that is not over', () => {
  it('is verified as far as it came, without an adapter', async () => {
    const stop = new AbortController();
    const { directory, result } = await runOf(
      'killed',
      { evaluation: { share: 0.25, every: 3 } },
      {
        signal: stop.signal,
        onEvent: (event) => event.type === 'step' && event.step === 6 && stop.abort(new Error('killed')),
      },
    );
    expect(result).toBeUndefined();
    // As if it had died before it evaluated, in the midst of a line.
    const metrics = (await lines(directory)).slice(0, -1);
    await writeFile(join(directory, 'metrics.jsonl'), `${metrics.join('\n')}\n`);
    await appendFile(join(directory, 'metrics.jsonl'), '{"step": 6, "evaluation_');
    const found = await all(directory);
    expect(found).toMatchObject({ isSame: true, steps: 6, from: 1, to: 6, differences: [] });
    expect(found.adapter).toBeUndefined();
  });

  it('names a line that is no JSON, and steps that there are not', async () => {
    const { directory } = await runOf('lines', { steps: 2 });
    await expect(verifyRun(directory, { steps: 0 })).rejects.toThrow('steps: 0 must be a positive integer');
    await writeFile(join(directory, 'metrics.jsonl'), '{"step": 1,\n{"step": 2, "loss": 1}\n');
    await expect(verifyRun(directory)).rejects.toThrow(/metrics\.jsonl: line 1 is no JSON/);
    await writeFile(join(directory, 'metrics.jsonl'), '');
    await expect(verifyRun(directory)).rejects.toThrow(/metrics\.jsonl: has no step after 0/);
  });
});
