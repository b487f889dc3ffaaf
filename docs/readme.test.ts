/** The READMEs: examples run as they stand, on the sources of the packages; links and paths lead somewhere. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { workspace } from '../conformance/pack.ts';
import { linesOf, prepareExampleFolder, readmeExamples, readmes } from '../conformance/readme-examples.ts';

const repository = 'https://github.com/safetune/safetune';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'safetune-readmes-'));
  await prepareExampleFolder(folder);
  // Packages resolve as from the examples' folder, which depends on all of them.
  await symlink(join(workspace, 'examples/node_modules'), join(folder, 'node_modules'));
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }\n');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe.each(readmes)('%s', async (readme) => {
  const { quickProgram, output } = await readmeExamples(readme);
  const page = await readFile(join(workspace, readme), 'utf8');

  it.runIf(quickProgram !== '')('its examples run as they stand', async () => {
    const file = join(folder, `${readme.replaceAll(/\W/g, '-')}.ts`);
    await writeFile(file, quickProgram);
    const { stdout, stderr, status } = spawnSync(process.execPath, ['--conditions=safetune-source', file], {
      cwd: folder,
      encoding: 'utf8',
    });
    expect(status, stderr).toBe(0);
    if (output === '') expect(stdout).not.toBe('');
    else expect(linesOf(stdout)).toEqual(linesOf(output));
  });

  it('its links lead to files that are there, also from the published package', () => {
    const targets = [...page.matchAll(/\]\(([^)#\s]+)[^)]*\)|(?:src|srcset)="([^"]+)"/g)].map(
      ([, link, source]) => (link ?? source)!,
    );
    const inRepository = new RegExp(
      `^${repository}/(?:blob|tree)/main/|^https://raw\\.githubusercontent\\.com/safetune/safetune/main/`,
    );
    const missing = targets.filter((target) => {
      if (inRepository.test(target)) return !existsSync(join(workspace, target.replace(inRepository, '')));
      if (/^https?:/.test(target)) return false;
      // Only src and the README's own folder are published.
      const isPublished = readme === 'README.md' || /^src\//.test(target);
      return !isPublished || !existsSync(join(workspace, dirname(readme), target));
    });
    expect(missing).toEqual([]);
  });

  it('the sources it names are there', () => {
    const named = [...page.matchAll(/`(src\/[\w./-]+)`/g)].map(([, path]) => path!);
    expect(named.filter((path) => !existsSync(join(workspace, dirname(readme), path)))).toEqual([]);
  });
});
