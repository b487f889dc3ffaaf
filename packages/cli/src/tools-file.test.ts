import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readToolsFile } from './tools-file.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'safetune-tools-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

async function read(text: string) {
  const path = join(directory, 'tools.json');
  await writeFile(path, text);
  return readToolsFile(path);
}

it('reads tools as the OpenAI API has them, and bare functions', async () => {
  const tools = [{ type: 'function', function: { name: 'add', parameters: {} } }, { name: 'subtract' }];
  expect(await read(JSON.stringify(tools))).toEqual(tools);
});

it.each([
  ['[', /tools\.json cannot be read as JSON/],
  ['{"tools": []}', /tools\.json must hold a list of tools/],
  ['[]', /must hold a list of tools/],
  ['[{"name": "add"}, {"function": {"title": "add"}}]', /tool 2 has no name/],
  ['[null]', /tool 1 has no name/],
])('refuses %s', async (text, message) => {
  await expect(read(text)).rejects.toThrow(message);
});
