import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { findChromium, openBrowser } from '../../__fixtures__/browser.ts';
import { largeResult } from '../../__fixtures__/large-result.ts';
import { temporaryFolder } from '../../__fixtures__/temporary-folder.ts';
import { comparisonReport } from '../comparison/comparison-report.ts';
import { comparisonHtml } from './comparison-page.ts';

const runs = [
  { name: 'none', result: largeResult('none', 360, { misaligned: 0.5 }) },
  { name: 'kl <1>', result: largeResult('kl', 360, { misaligned: 0.05 }) },
];
const html = comparisonHtml(comparisonReport(runs), runs);

test('holds rates, differences and questions of all runs, and nothing from elsewhere', () => {
  expect(html).toContain('<h2>Differences</h2>');
  expect(html).toContain('kl &#60;1&#62;');
  // Rates and differences of either kind, questions: each for wide and for narrow windows.
  expect(html.match(/<svg /g)).toHaveLength(10);
  const withoutData = html.replace(/<script type="application\/json"[^<]*<\/script>/, '');
  expect(/<img| src=|<link/.test(withoutData)).toBe(false);
});

const chromium = findChromium();

test.skipIf(chromium === undefined)(
  `in a browser the answers of the runs stand side by side${chromium ? '' : ' (SKIPPED: no Chromium)'}`,
  async () => {
    const file = join(await temporaryFolder(), 'comparison.html');
    await writeFile(file, html);
    await using page = await openBrowser(chromium!);
    await page.send('Emulation.setDeviceMetricsOverride', {
      width: 1280,
      height: 900,
      deviceScaleFactor: 1,
      mobile: false,
    });
    await page.open(pathToFileURL(file).href);
    const count = "document.getElementById('count').textContent";
    expect(await page.evaluate(count)).toBe('all 360');
    await page.evaluate("document.getElementById('differs').click()");
    const differing = Number.parseInt(await page.evaluate<string>(count), 10);
    expect(differing).toBeGreaterThan(20);
    expect(differing).toBeLessThan(360);
    const verdicts =
      "[...document.querySelectorAll('#detail .answer')].map((answer) => [answer.querySelector('h4').textContent, answer.querySelector('.verdict').textContent])";
    const [first, second] = await page.evaluate<[string, string][]>(verdicts);
    expect([first![0], second![0]]).toEqual(['none', 'kl <1>']);
    expect(first![1]).not.toBe(second![1]);
    await page.evaluate(
      "{ const order = document.getElementById('order'); order.value = 'spread'; order.dispatchEvent(new Event('input')); }",
    );
    const scores = await page.evaluate<number[]>(
      "[...document.querySelectorAll('#detail .answer')].map((answer) => Number(answer.querySelector('.score b').textContent))",
    );
    const spreads = runs[0]!.result.rows.map((row, index) => {
      const other = runs[1]!.result.rows[index]!;
      return row.aligned === null || other.aligned === null ? 0 : Math.abs(row.aligned - other.aligned);
    });
    expect(Math.abs(scores[0]! - scores[1]!)).toBeCloseTo(Math.max(...spreads), 6);
    expect(page.complaints).toEqual([]);
    expect(page.requests.filter((url) => !url.startsWith('file:'))).toEqual([]);
  },
);
