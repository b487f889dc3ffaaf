import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ServedFile } from '../../../../../conformance/hub-server.ts';
import { type GoldenName, goldenDirectory } from '../../__fixtures__/goldens.ts';

/** All of a golden checkpoint as a repository, weights in Git LFS. */
export async function goldenRepository(name: GoldenName): Promise<Map<string, ServedFile>> {
  const folder = goldenDirectory(name);
  const files = new Map<string, ServedFile>();
  for (const path of (await readdir(folder)).sort()) {
    files.set(path, { content: await readFile(join(folder, path)), isLarge: path.endsWith('.safetensors') });
  }
  return files;
}
