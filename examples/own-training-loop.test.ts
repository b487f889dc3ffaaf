import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const file = fileURLToPath(new URL('own-training-loop.ts', import.meta.url));

it('is the program of its page', () => {
  const page = readFileSync(new URL('../docs/own-training-loop.md', import.meta.url), 'utf8');
  expect(page).toContain(`\`\`\`ts run\n${readFileSync(file, 'utf8')}\`\`\`\n`);
});

it('learns the answer, and stays near the reference where it can', () => {
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--conditions=safetune-source', file], {
    encoding: 'utf8',
  });
  expect(status, stderr).toBe(0);
  const steps = [...stdout.matchAll(/cross-entropy ([\d.]+), KL ([\d.]+)/g)].map(([, ...values]) =>
    values.map(Number),
  );
  const [first, last] = [steps[0]!, steps.at(-1)!];
  expect(first[1]).toBe(0);
  expect(last[0]).toBeLessThan(0.4 * first[0]!);
  expect(last[1]).toBeLessThan(1);
});
