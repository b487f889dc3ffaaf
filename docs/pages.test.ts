/**
 * The examples of the documentation are programs. The blocks marked `ts run` of a page, taken together, are run by Node on
 * the sources of the packages, and must print the page's blocks marked `text output`.
 */
import { spawnSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { listRegularizers } from '../packages/regularizers/src/index.ts';

const pages = globSync('**/*.md', { cwd: import.meta.dirname }).sort();

function blocks(page: string, mark: string): string {
  const fences = page.matchAll(/^```([^\n]*)\n(.*?)^```$/gms);
  return [...fences].flatMap(([, info, body]) => (info === mark ? [body!] : [])).join('\n');
}

/** Packages resolve from the examples' folder, which depends on all of them. */
function run(program: string): { stdout: string; stderr: string; status: number | null } {
  return spawnSync(
    process.execPath,
    ['--conditions=safetune-source', '--input-type=module-typescript', '--eval', program],
    { cwd: join(import.meta.dirname, '../examples'), encoding: 'utf8' },
  );
}

describe.each(pages)('docs/%s', (name) => {
  const page = readFileSync(join(import.meta.dirname, name), 'utf8');
  const program = blocks(page, 'ts run');

  it.runIf(program !== '')('prints what it says', () => {
    const { stdout, stderr, status } = run(program);
    expect(status, stderr).toBe(0);
    expect(lines(stdout)).toEqual(lines(blocks(page, 'text output')));
  });

  it('links only to files that exist', () => {
    const targets = [...page.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, target]) => target!);
    const missing = targets.filter(
      (target) => globSync(join(import.meta.dirname, dirname(name), target)).length === 0,
    );
    expect(missing).toEqual([]);
  });
});

function lines(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}

describe('the list of safeguards', () => {
  const list = readFileSync(join(import.meta.dirname, 'regularizers/README.md'), 'utf8');

  it.each(listRegularizers().map(({ type }) => type))('has %s, with its page', (type) => {
    expect(list).toMatch(new RegExp(`^\\| \\[\`${type}\`\\]\\([a-z0-9-]+\\.md\\)`, 'm'));
  });
});
