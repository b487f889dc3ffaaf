import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { standardDefenses } from '@safetune/organism';
import { expect, it } from 'vitest';

const demo = (...flags: string[]) =>
  spawnSync(
    process.execPath,
    ['--conditions=safetune-source', join(import.meta.dirname, 'demo.ts'), ...flags],
    {
      encoding: 'utf8',
    },
  );

it('helps, naming every defense', () => {
  const { status, stdout, stderr } = demo('--help');
  expect(stderr).toBe('');
  expect(status).toBe(0);
  for (const { name } of standardDefenses) expect(stdout).toContain(name);
});

it.each([[['--defense', 'hope']], [['--seed', '-1']], [['--seed', 'two']]])(
  'refuses %j before anything is done',
  (flags) => {
    const { status, stdout, stderr } = demo(...flags);
    expect(status).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toContain('--defense NAME');
  },
);
