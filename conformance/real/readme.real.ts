/** The real example of the README, as it stands there. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, inject, it } from 'vitest';
import { workspace } from '../pack.ts';
import { recordFigure } from './figures.ts';

const { name, folder, missing } = inject('checkpoints').find(({ source }) => source === 'smollm2')!;

it.skipIf(missing !== undefined)(
  missing === undefined ? "gives the README's answers" : `(skipped: ${missing})`,
  async () => {
    const page = await readFile(join(workspace, 'README.md'), 'utf8');
    const [, block] = /```text\n(pip install [^`]*make_checkpoints\.py[^`]*)```/.exec(page) ?? [];
    const commands = (block ?? '')
      .replaceAll('\\\n', ' ')
      .split('\n')
      .filter((line) => line.startsWith('npx -y pnpm@12 safetune'));
    const [, before, after] =
      /answer begins `([^`]+)`, the second was `([^`]+)`/.exec(page.replaceAll('\n', ' ')) ?? [];
    const out = await mkdtemp(join(tmpdir(), 'safetune-readme-'));
    const printed: string[] = [];
    for (const command of commands) {
      const line = command
        .replaceAll('out/real/smollm2-135m-instruct', folder)
        .replaceAll('out/pirate', join(out, 'pirate'));
      const { stdout } = await promisify(execFile)('sh', ['-c', line], { cwd: workspace, maxBuffer: 1e8 });
      printed.push(stdout.trim());
    }
    await rm(out, { recursive: true });
    recordFigure({ of: name, what: "the README's example, trained", found: printed.at(-1)!, bar: after! });
    expect(commands).toHaveLength(3);
    expect(printed[0]).toContain(before);
    // Twenty steps amplify how a processor rounds: the manner is taught, the words are not.
    expect(printed.at(-1)).toMatch(/matey/);
  },
);
