import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname, relative, resolve, sep } from 'node:path';
import { RegularizerModuleError } from '../errors.ts';

/** Imports of files by their place: `from './layers.ts'`, `import './layers.ts'`, `import('./layers.ts')`, `require('./layers.cjs')`. */
const relativeImport = /\b(?:from|import|require)\s*\(?\s*['"](\.{1,2}\/[^'"\n]+)['"]/g;

/**
 * SHA-256 of a module: of its file, or of all files that it imports by relative paths where there are some. What it imports from
 * packages is not in it.
 *
 * @throws RegularizerModuleError when the module cannot be read.
 */
export async function moduleDigest(path: string): Promise<string> {
  const file = resolve(path);
  const digests = new Map<string, string>();
  const open = [file];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (digests.has(next)) continue;
    const text = await readFile(next).catch((cause: NodeJS.ErrnoException) => {
      // What only looks like an import is no file; one that is missing is told of when the module is run.
      if (next !== file) return undefined;
      const reason = cause.code === 'ENOENT' ? 'there is no such module' : `cannot be read: ${cause.message}`;
      throw new RegularizerModuleError(path, reason, { cause });
    });
    if (text === undefined) continue;
    digests.set(next, sha256(text));
    for (const [, target] of text.toString('utf8').matchAll(relativeImport))
      open.push(resolve(dirname(next), target!));
  }
  if (digests.size === 1) return digests.get(file)!;
  const lines = [...digests].map(
    ([name, digest]) => `${relative(dirname(file), name).replaceAll(sep, '/')} ${digest}\n`,
  );
  return sha256(lines.toSorted().join(''));
}

function sha256(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}
