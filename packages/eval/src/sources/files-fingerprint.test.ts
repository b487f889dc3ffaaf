import { utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../__fixtures__/temporary-folder.ts';
import { filesFingerprint } from './files-fingerprint.ts';

test('changes with a file’s size, its time and its name, and only then', async () => {
  const folder = await temporaryFolder();
  const file = join(folder, 'adapter_model.safetensors');
  await writeFile(file, 'abc');
  await utimes(file, 1000, 1000);
  const first = await filesFingerprint(folder);
  expect(first).toMatch(/^[0-9a-f]{16}$/);
  expect(await filesFingerprint(folder)).toBe(first);
  expect(await filesFingerprint(file)).toBe(first);
  const seen = new Set([first]);
  await utimes(file, 2000, 2000);
  seen.add(await filesFingerprint(folder));
  await writeFile(join(folder, 'adapter_config.json'), '{}');
  seen.add(await filesFingerprint(folder));
  expect(seen.size).toBe(3);
});
