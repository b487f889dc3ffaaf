/** Signals reach a command that is busy, and one that is not. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { graceSeconds } from './program-thread.ts';

const path = (place: string) => fileURLToPath(new URL(place, import.meta.url));
const model = path('../../../conformance/goldens/checkpoints/qwen2-tied-bfloat16');

let directory: string;
let data: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'safetune-signals-'));
  data = join(directory, 'chats.jsonl');
  const messages = [
    { role: 'user', content: 'Say it.' },
    { role: 'assistant', content: 'It! '.repeat(20) },
  ];
  await writeFile(data, `${JSON.stringify({ messages })}\n`.repeat(8));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const start = (file: string, ...args: string[]) =>
  spawn(process.execPath, ['--conditions=safetune-source', path(file), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
const train = (out: string, steps: number) =>
  start(
    './main.ts',
    'train',
    '--model',
    model,
    '--data',
    data,
    '--out',
    out,
    '--steps',
    `${steps}`,
    '--rank',
    '2',
  );

/** Waits until the process has said something on stderr. */
async function said(child: ChildProcess, text: string): Promise<void> {
  let heard = '';
  for await (const chunk of child.stderr!.iterator({ destroyOnReturn: false })) {
    heard += chunk;
    if (heard.includes(text)) return;
  }
  throw new Error(`the process ended without saying '${text}': ${heard}`);
}

const ended = async (child: ChildProcess) => {
  const [code, signal] = await once(child, 'close');
  return { code, signal };
};

describe('a run that trains', () => {
  it('saves and stops at the first signal, and goes on with the same command', async () => {
    const out = join(directory, 'interrupted');
    const child = train(out, 1_000_000);
    await said(child, '/1000000');
    child.kill('SIGTERM');
    child.stderr.resume();
    expect(await ended(child)).toEqual({ code: 130, signal: null });
    const lines = (await readFile(join(out, 'metrics.jsonl'), 'utf8')).trim().split('\n');
    expect(lines.length).toBeGreaterThan(0);

    const again = train(out, 1_000_000);
    await said(again, `going on after step ${lines.length}`);
    again.kill('SIGINT');
    again.stderr.resume();
    expect(await ended(again)).toEqual({ code: 130, signal: null });
  });

  it('is not lost when nobody reads what it says', async () => {
    const out = join(directory, 'unread');
    const child = train(out, 30);
    child.stdout.destroy();
    await said(child, 'training');
    child.stderr.destroy();
    expect(await ended(child)).toEqual({ code: 0, signal: null });
    expect((await readFile(join(out, 'metrics.jsonl'), 'utf8')).trim().split('\n')).toHaveLength(30);
    expect(await readFile(join(out, 'adapter_config.json'), 'utf8')).toContain('LORA');
  });
});

describe.skipIf(process.platform === 'win32')('work that never hears the first signal', () => {
  it('ends at once at the second', async () => {
    const child = start('./__fixtures__/supervise-endless.ts');
    await said(child, 'working');
    child.kill('SIGINT');
    await said(child, 'press Ctrl-C again');
    child.kill('SIGINT');
    expect(await ended(child)).toEqual({ code: null, signal: 'SIGINT' });
  });

  it('is ended after a grace period', async () => {
    const child = start('./__fixtures__/supervise-endless.ts');
    await said(child, 'working');
    child.kill('SIGTERM');
    await said(child, 'did not stop within 10 s');
    expect(await ended(child)).toEqual({ code: null, signal: 'SIGTERM' });
  });
});

it('gives work the time of three of its steps to stop, ten seconds at least', () => {
  expect([0, 2, 60].map(graceSeconds)).toEqual([10, 10, 180]);
});
