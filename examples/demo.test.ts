import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { standardDefenses } from '@safetune/organism';
import { expect, it } from 'vitest';

const command = (file: string, ...flags: string[]) =>
  spawnSync(process.execPath, ['--conditions=safetune-source', join(import.meta.dirname, file), ...flags], {
    encoding: 'utf8',
  });
const demo = (...flags: string[]) => command('demo.ts', ...flags);

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

it.each([
  ['organisms.ts', '--organisms'],
  ['matched.ts', '--seeds'],
  ['compositions.ts', '--confirmed'],
])('%s helps, and refuses a wrong number before anything is done', (file, option) => {
  const helped = command(file, '--help');
  expect([helped.status, helped.stderr]).toEqual([0, '']);
  expect(helped.stdout).toContain(`${option} N`);
  const refused = command(file, option, '0');
  expect([refused.status, refused.stdout]).toEqual([2, '']);
  expect(refused.stderr).toContain(`${option} is '0', must be a whole number from 1`);
});

it('commands that measure defenses refuse one that is not there, and one that searches takes none', () => {
  expect(command('matched.ts', '--defenses', 'kl,hope').stderr).toContain("there is no defense 'hope'");
  expect(command('compositions.ts', '--defenses', 'kl').stderr).toContain("Unknown option '--defenses'");
});
