import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileDigest } from '@safetune/tensor';
import type { ManifestEntry } from './manifest.ts';

/** Hashes of files that have not changed since, by what tells one state of a file from another. */
const known = new Map<string, string>();

/** Entries of these files of a folder, in their order. Those that are not there are left out. */
export async function entriesOf(folder: string, names: readonly string[]): Promise<ManifestEntry[]> {
  const entries: ManifestEntry[] = [];
  for (const name of names) {
    const file = join(folder, name);
    const found = await stat(file).catch(() => undefined);
    if (found === undefined || !found.isFile()) continue;
    const state = [file, found.dev, found.ino, found.size, found.mtimeMs, found.ctimeMs].join(' ');
    const sha256 = known.get(state) ?? (await fileDigest(file));
    if (sha256 === undefined) continue;
    known.set(state, sha256);
    entries.push({ path: name, bytes: found.size, sha256 });
  }
  return entries;
}

/** What of a base model decides what it says: configs, weights, tokenizer and templates. */
const decisive = /\.(?:json|safetensors|jinja|model|gguf)$/;

/** Entries of a base model: the files of its folder, or the one file that it is. Hashed once as long as they do not change. */
export async function baseEntries(path: string): Promise<ManifestEntry[]> {
  if ((await stat(path)).isFile()) return entriesOf(join(path, '..'), [basename(path)]);
  const names = (await readdir(path)).filter((name) => decisive.test(name) && !name.startsWith('.'));
  return entriesOf(path, names.sort());
}
