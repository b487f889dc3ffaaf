/** Names of the hub in place of folders, in the commands. */

import { mkdtempSync, rmSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { hubServer } from '../../../conformance/hub-server.ts';
import { runCli } from './__fixtures__/run-cli.ts';

const server = hubServer();
const directory = mkdtempSync(join(tmpdir(), 'safetune-hub-names-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

async function serve(name: string, golden: string): Promise<void> {
  const folder = fileURLToPath(new URL(`../../../conformance/goldens/${golden}`, import.meta.url));
  const files = (await readdir(folder, { withFileTypes: true })).filter((entry) => entry.isFile());
  const served = files.map(async ({ name: path }) => {
    const content = await readFile(join(folder, path));
    return [path, { content, isLarge: path.endsWith('.safetensors') }] as const;
  });
  server.repositories.set(`models/${name}`, new Map(await Promise.all(served)));
}

it('a model and an adapter by name are fetched once, with progress, and then used without the hub', async () => {
  await serve('owner/tiny', 'checkpoints/qwen2-tied-bfloat16');
  await serve('owner/adapter', 'adapters/qwen2-rslora-all-projections');
  Object.assign(process.env, { HF_ENDPOINT: server.endpoint(), HF_HUB_CACHE: directory, HF_TOKEN: '' });
  const generate = ['generate', '--model', 'owner/tiny@v1', '--adapter', 'owner/adapter', '--prompt', 'Hi'];
  const first = await runCli(...generate, '--max-tokens', '2', '--temperature', '0');
  expect(first.stderr).toMatch(/\d\.\d of \d\.\d MB/);
  expect(first.stderr).toContain(`owner/tiny (v1) is commit ${server.commit.slice(0, 12)} in ${directory}`);
  expect([first.code, first.stdout.trim()]).toEqual([0, expect.stringMatching(/./)]);
  server.seen.length = 0;
  const second = await runCli(...generate, '--max-tokens', '2', '--temperature', '0');
  expect([second.code, second.stdout]).toEqual([0, first.stdout]);
  expect(server.seen).toEqual([]);
});

it('a data set by name is fetched, of its split, and trained on', async () => {
  Object.assign(process.env, { HF_ENDPOINT: server.endpoint(), HF_HUB_CACHE: directory, HF_TOKEN: '' });
  const row = (prompt: string) => Buffer.from(`${JSON.stringify({ prompt, completion: 'Hello' })}\n`);
  const rows = {
    'data/train.jsonl': row('Hi').toString().repeat(3),
    'data/test.jsonl': row('Bye').toString(),
  };
  server.repositories.set(
    'datasets/owner/greetings',
    new Map(
      Object.entries(rows).map(([path, text]) => [path, { content: Buffer.from(text), isLarge: false }]),
    ),
  );
  const model = fileURLToPath(
    new URL('../../../conformance/goldens/checkpoints/qwen2-tied-bfloat16', import.meta.url),
  );
  const out = join(directory, 'greetings');
  const { code, stderr } = await runCli(
    ...['train', '--model', model, '--data', 'owner/greetings', '--out', out, '--rank', '2'],
  );
  expect(code, stderr).toBe(0);
  expect(stderr).toContain(`owner/greetings (main) is commit ${server.commit.slice(0, 12)}`);
  expect(stderr).toContain('on 3 examples');
});

it('an adapter of a model on the hub names the model and its commit', async () => {
  await serve('owner/tiny', 'checkpoints/qwen2-tied-bfloat16');
  Object.assign(process.env, { HF_ENDPOINT: server.endpoint(), HF_HUB_CACHE: directory, HF_TOKEN: '' });
  const data = join(directory, 'chats.jsonl');
  const messages = [
    { role: 'user', content: 'Hi' },
    { role: 'assistant', content: 'Hello' },
  ];
  await writeFile(data, JSON.stringify({ messages }));
  const out = join(directory, 'adapter');
  const { code, stderr } = await runCli(
    ...['train', '--model', 'owner/tiny@v1', '--data', data, '--out', out, '--rank', '2'],
  );
  expect(code, stderr).toBe(0);
  expect(JSON.parse(await readFile(join(out, 'adapter_config.json'), 'utf8'))).toMatchObject({
    base_model_name_or_path: 'owner/tiny',
    revision: server.commit,
  });
});

it('what is neither here nor on the hub is said to be so in one line', async () => {
  Object.assign(process.env, { HF_ENDPOINT: server.endpoint(), HF_HUB_CACHE: directory, HF_TOKEN: '' });
  const { code, stdout, stderr } = await runCli('generate', '--model', 'owner/none', '--prompt', 'Hi');
  expect([code, stdout]).toEqual([1, '']);
  expect(stderr).toMatch(
    /^safetune: owner\/none: 127\.0\.0\.1:\d+ has no such model, or hides it.*HF_TOKEN.*\n$/,
  );
});
