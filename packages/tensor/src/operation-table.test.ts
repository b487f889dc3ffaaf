import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import * as tensor from './index.ts';

const packageDirectory = fileURLToPath(new URL('..', import.meta.url));
const readme = readFileSync(`${packageDirectory}README.md`, 'utf8');

/** Names that the files of `operations/` export and the package passes on. */
async function exportedOperations(): Promise<string[]> {
  const folder = new URL('./operations/', import.meta.url);
  const files = readdirSync(folder).filter((file) => !file.endsWith('.test.ts'));
  const modules = await Promise.all(
    files.map((file) => import(new URL(file, folder).href) as Promise<Record<string, unknown>>),
  );
  const names = modules.flatMap((module) =>
    Object.keys(module).filter((name) => module[name] === (tensor as Record<string, unknown>)[name]),
  );
  return [...new Set(names)].sort();
}

describe('README', () => {
  it('lists every operation once, and no other', async () => {
    const rows = [...readme.matchAll(/^\| `(\w+)\(/gm)].map(([, name]) => name!);
    const operations = await exportedOperations();
    expect(operations.length).toBeGreaterThan(60);
    expect(rows.sort()).toEqual(operations);
  });

  it('fills all four columns of every row', () => {
    const rows = readme.split('\n').filter((line) => line.startsWith('|'));
    for (const row of rows) expect(row.replaceAll('\\|', '').split('|'), row).toHaveLength(6);
  });

  it('shows an example that prints what it says', async () => {
    const [, example] = /```ts\n(.*?)```/s.exec(readme)!;
    const said = /console\.log\(.*\); \/\/ (.*)/.exec(example!)![1];
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--conditions=safetune-source', '--input-type=module-typescript', '--eval', example!],
      { cwd: packageDirectory },
    );
    expect(stdout.trim()).toBe(said);
  });
});
