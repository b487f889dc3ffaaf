import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { hostileText, largeResult } from '../../__fixtures__/large-result.ts';
import { namedRuns } from '../../__fixtures__/named-runs.ts';
import { temporaryFolder } from '../../__fixtures__/temporary-folder.ts';
import { comparisonMarkdown } from './comparison-markdown.ts';
import { comparisonReport } from './comparison-report.ts';
import { comparisonText } from './comparison-text.ts';
import { writeComparison } from './write-comparison.ts';

test('on a terminal: rates, differences with p values, questions, and what they are', async () => {
  const text = comparisonText(comparisonReport(await namedRuns()));
  expect(text).toMatch(/^no defense +all +8 +57\.1 % \(4\/7\)/m);
  expect(text).toMatch(/^kl=0\.1 +all +misaligned +2 +-44\.6 /m);
  expect(text).toMatch(/^wish +75\.0 % \(3\/4\) +25\.0 % \(1\/4\)$/m);
  expect(text).toContain("above that of 'no defense'");
  expect(text).toContain("Holm's method");
});

test('nothing hostile reaches the terminal, and nothing is wider than it', () => {
  const runs = ['a', 'b'].map((name, index) => ({
    name: `${name} ${hostileText.slice(-12)}\u001b[31m`,
    result: largeResult(name, 72, { misaligned: 0.3 * index }),
  }));
  const text = comparisonText(comparisonReport(runs), { columns: 80 });
  expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Cs}]/u);
  for (const line of text.split('\n')) expect([...line].length).toBeLessThanOrEqual(80);
});

test('in Markdown the same tables, and settings in which the runs differ first', async () => {
  const text = comparisonMarkdown(comparisonReport(await namedRuns()), { title: 'KL | none' });
  expect(text).toMatch(/^# KL \\\| none\n/);
  expect(text).toContain('| kl=0.1 | all | misaligned | 2 | -44.6 |');
  expect(text).toContain(
    '| setting | no defense | kl=0.1 |\n| :-- | :-- | :-- |\n| source | no defense | kl=0.1 |',
  );
});

test('is written as JSON, Markdown and a page', async () => {
  const folder = join(await temporaryFolder(), 'out');
  const runs = await namedRuns();
  const written = await writeComparison(folder, comparisonReport(runs), runs, { title: 'Which <one>?' });
  expect(await readdir(folder)).toEqual(['comparison.html', 'comparison.json', 'comparison.md']);
  const report = JSON.parse(await readFile(written.report, 'utf8'));
  expect(report).toMatchObject({ format: 'safetune-comparison', version: 1, baseline: 'no defense' });
  expect(await readFile(written.page, 'utf8')).toContain('<h1>Which &#60;one&#62;?</h1>');
});
