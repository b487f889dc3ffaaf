import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { useTemporaryDirectory } from './__fixtures__/folders.ts';
import * as lora from './index.ts';

const temporaryDirectory = useTemporaryDirectory();

it("the README's example runs as it stands", async () => {
  const readme = await readFile(join(import.meta.dirname, '../README.md'), 'utf8');
  const [, code] = /```ts\n([\s\S]*?)```/.exec(readme)!;
  const body = code!
    .replace(/^import (\{.*\}) from '@safetune\/lora';/, 'const $1 = lora;')
    .replaceAll("'out/adapter'", JSON.stringify(join(temporaryDirectory(), 'adapter')));
  const run = new Function(
    'lora',
    `return (async () => {${body}; return { adapter, loaded, frobeniusNorm, effectiveRank }})()`,
  );
  const { adapter, loaded, ...spectrum } = (await run(lora)) as {
    adapter: lora.LoraAdapter;
    loaded: lora.LoraAdapter;
  };
  expect(loaded.parameters).toEqual(adapter.parameters);
  expect(spectrum).toEqual({ frobeniusNorm: 0, effectiveRank: 0 });
});
