/**
 * What is planned beside what a process takes: a run in a process of its own, large enough that values, not Node.js, make
 * most of it. `npx -y pnpm@12 bench:plan` measures many kinds.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const sourceOf = (file: string) => JSON.stringify(pathToFileURL(join(import.meta.dirname, file)).href);

const program = `
  import { readFileSync } from 'node:fs';
  import { setUp } from ${sourceOf('../__fixtures__/small-run.ts')};
  import { train } from ${sourceOf('../run/train.ts')};
  import { trainAdapter } from ${sourceOf('../step/trainable.ts')};
  const examples = Array.from({ length: 64 }, (_, index) => ({
    messages: [{ role: 'user', content: 'q' + index }, { role: 'assistant', content: 'word '.repeat(90) }],
  }));
  let plan;
  const { adapter, options } = await setUp({ examples, batchSize: 64, steps: 3, memory: 'layered', packing: false });
  const before = process.memoryUsage.rss();
  const onEvent = (event) => { if (event.type === 'start') plan = event.plan.chosen; };
  await train({ ...options, trainable: trainAdapter(adapter), onEvent });
  // What resourceUsage tells begins with what the parent had resident.
  const [, peak] = /VmHWM:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'));
  console.log(JSON.stringify({ before, total: plan.total, peak: 1024 * peak }));
`;

it.skipIf(process.platform !== 'linux')(
  'a run takes what was planned, within a tenth of its resident memory',
  { timeout: 120_000 },
  async () => {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--conditions=safetune-source', '--input-type=module-typescript', '--eval', program],
      { cwd: import.meta.dirname },
    );
    const { before, total, peak } = JSON.parse(stdout) as { before: number; total: number; peak: number };
    expect(peak).toBeGreaterThan(3 * before);
    expect((before + total) / peak).toBeGreaterThan(0.9);
    expect((before + total) / peak).toBeLessThan(1.1);
  },
);
