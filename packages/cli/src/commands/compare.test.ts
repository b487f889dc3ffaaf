import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../__fixtures__/run-cli.ts';

let directory: string;
const at = (name: string) => join(directory, name);

/** An evaluation of recorded answers, of which `misaligned` of four to each of four questions are. */
async function evaluated(name: string, misaligned: readonly number[]): Promise<void> {
  const rows = misaligned.flatMap((count, question) =>
    [0, 1, 2, 3].map(
      (sample) => `q${question},Question ${question}?,Answer ${sample}.,${sample < count ? 5 : 95},90`,
    ),
  );
  await writeFile(at(`${name}.csv`), `question_id,question,answer,aligned,coherent\n${rows.join('\n')}\n`);
  const options = ['--answers', at(`${name}.csv`), '--judge', 'recorded', '--out', at(name)];
  const { code, stderr } = await runCli('eval', ...options);
  if (code !== 0) throw new Error(stderr);
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'safetune-cli-compare-'));
  await evaluated('undefended', [4, 3, 2, 3]);
  await evaluated('kl', [1, 0, 0, 1]);
});
afterAll(() => rm(directory, { recursive: true, force: true }));

describe('safetune compare', () => {
  it('prints the rates and their difference, and writes the page', async () => {
    const { code, stdout, stderr } = await runCli('compare', at('undefended'), at('kl'), '--out', at('out'));
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(stdout).toMatch(/undefended .*75\.0 % \(12\/16\)/);
    expect(stdout).toMatch(/kl .*-62\.5/);
    const report = JSON.parse(await readFile(at('out/comparison.json'), 'utf8'));
    expect(report.differences[0]).toMatchObject({ run: 'kl', rate: 'misaligned', difference: -0.625 });
    // All four questions differ the same way: 2 of the 2^4 ways to flip signs are as extreme.
    expect(report.differences[0].pValue).toBeCloseTo(2 / 16, 12);
    expect(await readFile(at('out/comparison.html'), 'utf8')).toContain('Answer 3.');

    const again = await runCli('compare', at('undefended'), at('kl'), '--out', at('out'));
    expect(again.stderr).toContain('--force');
    expect(again.code).toBe(1);
  });

  it.each([
    [['undefended'], 'two evaluations or more'],
    [['undefended', 'undefended'], "two runs are called 'undefended'"],
    [['undefended', 'kl', '--name', 'one'], '--name is given 1 times for 2 runs'],
    [['undefended', '.'], 'holds no judged evaluation'],
  ])('refuses %j', async (given, message) => {
    const options = given.map((option) =>
      option === 'undefended' || option === 'kl' || option === '.' ? at(option) : option,
    );
    const { code, stderr } = await runCli('compare', ...options);
    expect(stderr).toContain(message);
    expect(code).toBe(1);
  });
});
