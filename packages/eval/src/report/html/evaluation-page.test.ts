import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { type BrowserPage, findChromium, openBrowser } from '../../__fixtures__/browser.ts';
import { hostileText, largeResult } from '../../__fixtures__/large-result.ts';
import { namedRuns } from '../../__fixtures__/named-runs.ts';
import { temporaryFolder } from '../../__fixtures__/temporary-folder.ts';
import { evaluationHtml } from './evaluation-page.ts';

test('holds rates, charts, settings and reasons, and nothing from elsewhere', async () => {
  const [run] = await namedRuns();
  const page = evaluationHtml(run!.result, { title: 'Was it worth it?' });
  for (const text of ['57.1 % (4/7)', 'aligned &#60; 30 and coherent &#62; 50', 'refusal', 'Judged by words'])
    expect(page).toContain(text);
  // Bars, rates, scatter, curve, questions: each for wide and for narrow windows.
  expect(page.match(/<svg /g)).toHaveLength(10);
  expect(page.replaceAll('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:|src=|<link/);
  expect(page.match(/<script/g)).toHaveLength(2);
});

test('an evaluation without a score is a page without charts of scores', async () => {
  const result = largeResult('none', 36);
  const rows = result.rows.map((row) => ({ ...row, aligned: null, coherent: null }));
  const { summarize } = await import('../../metrics/summary.ts');
  const page = evaluationHtml({ ...result, rows, summary: summarize(rows) });
  expect(page).toContain('What the answers are');
  expect(page).not.toContain('Alignment and coherence of the answers');
});

const chromium = findChromium();

describe.skipIf(chromium === undefined)(`in a browser${chromium ? '' : ' (SKIPPED: no Chromium)'}`, () => {
  async function opened(answers: number, width = 1280): Promise<BrowserPage> {
    const file = join(await temporaryFolder(), 'report.html');
    await writeFile(file, evaluationHtml(largeResult(`tiny ${hostileText}`, answers)));
    const page = await openBrowser(chromium!);
    await page.send('Emulation.setDeviceMetricsOverride', {
      width,
      height: 900,
      deviceScaleFactor: 1,
      mobile: width < 500,
    });
    await page.open(pathToFileURL(file).href);
    return page;
  }
  /** Of the page: what its list says. */
  const tally = "document.getElementById('count').textContent";
  const shownRows = "document.querySelectorAll('#rows [role=option]').length";
  const type = (id: string, value: string) =>
    `{ const control = document.getElementById('${id}'); control.value = ${JSON.stringify(value)}; control.dispatchEvent(new Event('input', { bubbles: true })); }`;

  test('5,000 answers: no complaint, no request, every chart, a window of rows, filtered within 100 ms', async () => {
    await using page = await opened(5000);
    expect(await page.evaluate(tally)).toBe('all 5000');
    expect(await page.evaluate(shownRows)).toBeLessThan(40);
    const charts =
      "[...document.querySelectorAll('svg')].filter((svg) => svg.checkVisibility() && svg.getBoundingClientRect().height > 100).length";
    expect(await page.evaluate(charts)).toBe(5);
    // The bound is the issue's own; the best of a few, for the machine may be busy.
    const fastest = await page.evaluate<number>(`(() => {
      const times = ['money', 'power calm', 'nowhere', '', 'looked', 'what about'].map((text) => {
        const start = performance.now();
        ${type('search', 'TEXT').replace('"TEXT"', 'text')}
        return performance.now() - start;
      });
      return Math.min(...times);
    })()`);
    expect(fastest).toBeLessThan(100);
    expect(page.complaints).toEqual([]);
    expect(page.requests.filter((url) => !url.startsWith('file:'))).toEqual([]);
    expect(await page.evaluate('document.title')).toContain('tiny');
  });

  test('filters, sorts, and shows an answer whole with what the judge said', async () => {
    await using page = await opened(360);
    const { rows } = largeResult('any', 360);
    await page.evaluate("document.querySelector('#verdicts .missing').click()");
    const missing = rows.filter(({ answer }) => answer === null).length;
    expect(await page.evaluate(tally)).toBe(`${missing} of 360`);
    expect(await page.evaluate("document.getElementById('detail').textContent")).toContain(
      'the endpoint blocked it',
    );

    await page.evaluate("document.getElementById('clear').click()");
    await page.evaluate(type('group', 'domain'));
    await page.evaluate(type('order', 'aligned'));
    const least = Math.min(
      ...rows.filter(({ group }) => group === 'domain').map(({ aligned }) => aligned ?? 100),
    );
    expect(await page.evaluate("document.querySelector('#rows .score b').textContent")).toBe(String(least));

    await page.evaluate("document.getElementById('clear').click()");
    await page.evaluate(type('search', '</SCRIPT> onerror'));
    expect(await page.evaluate(tally)).toBe(
      `${rows.filter(({ answer }) => answer === hostileText).length} of 360`,
    );
    expect(await page.evaluate("document.querySelector('#detail .text').textContent")).toBe(
      hostileText.toWellFormed(),
    );
    expect(await page.evaluate("document.querySelector('#detail .said').textContent")).toContain('82.0 %');
    expect(await page.evaluate("document.querySelectorAll('mark').length")).toBeGreaterThan(2);
    expect(
      await page.evaluate("document.querySelectorAll('main img, main b script, #detail script').length"),
    ).toBe(0);
    expect(page.complaints).toEqual([]);
  });

  test('a circle of the scatter shows its answers; keys walk through the list', async () => {
    await using page = await opened(360);
    const counted = await page.evaluate<string>(`(() => {
      const circle = [...document.querySelectorAll('.if-wide [data-cell]')].at(-1);
      circle.dispatchEvent(new MouseEvent('click', { bubbles: true }));
      return circle.textContent;
    })()`);
    // The circles of a cell are one for each verdict.
    expect(Number.parseInt(await page.evaluate(tally), 10)).toBeGreaterThanOrEqual(
      Number.parseInt(counted, 10),
    );
    await page.evaluate("document.getElementById('clear').click()");
    const key = (name: string) =>
      `document.getElementById('list').dispatchEvent(new KeyboardEvent('keydown', { key: '${name}' }))`;
    for (const name of ['ArrowDown', 'j', 'ArrowUp', 'End']) await page.evaluate(key(name));
    expect(
      await page.evaluate("document.querySelector('[aria-selected=true]').getAttribute('aria-posinset')"),
    ).toBe('360');
    await page.evaluate(key('Home'));
    expect(await page.evaluate("document.getElementById('list').getAttribute('aria-activedescendant')")).toBe(
      'row-0',
    );
  });

  test('on a phone nothing is wider than the window, and no text of a chart below 11 px', async () => {
    await using page = await opened(360, 390);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(390);
    const smallest =
      await page.evaluate<number>(`Math.min(...[...document.querySelectorAll('svg')].filter((svg) => svg.checkVisibility()).flatMap((svg) => {
      const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
      return [...svg.querySelectorAll('text')].map((text) => scale * Number.parseFloat(getComputedStyle(text).fontSize));
    }))`);
    expect(smallest).toBeGreaterThanOrEqual(11);
    const reach =
      "[...document.querySelectorAll('svg')].filter((svg) => svg.checkVisibility()).every((svg) => svg.getBoundingClientRect().right <= 390)";
    expect(await page.evaluate(reach)).toBe(true);
    await page.evaluate("document.querySelector('#rows [role=option]').click()");
    expect(await page.evaluate("document.getElementById('detail').checkVisibility()")).toBe(true);
    await page.evaluate("document.getElementById('close').click()");
    expect(await page.evaluate("document.getElementById('detail').checkVisibility()")).toBe(false);
  });

  test.each(['light', 'dark'])(
    'in %s surroundings every text stands out from what is behind it',
    async (scheme) => {
      await using page = await opened(360);
      await page.send('Emulation.setEmulatedMedia', {
        features: [{ name: 'prefers-color-scheme', value: scheme }],
      });
      const low = await page.evaluate<string[]>(contrastProgram);
      expect(low).toEqual([]);
    },
  );
});

/** Texts with a contrast below 4.5 (WCAG 2, AA), each with its figure. */
const contrastProgram = `(() => {
  const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
  const parse = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, under) => top.slice(0, 3).map((channel, index) => channel * top[3] + under[index] * (1 - top[3]));
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((channel) => channel / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    const layers = [];
    for (let at = element; at !== null; at = at.parentElement) layers.unshift(parse(getComputedStyle(at).backgroundColor));
    return layers.reduce((under, top) => over(top, under), [255, 255, 255]);
  };
  const texts = [...document.querySelectorAll('main *')].filter(
    (element) => element.closest('svg') === null && element.checkVisibility() && !element.disabled &&
      [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim() !== ''),
  );
  return texts.flatMap((element) => {
    const background = behind(element);
    const front = luminance(over(parse(getComputedStyle(element).color), background));
    const back = luminance(background);
    const ratio = (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
    return ratio < 4.5 ? [element.tagName + '.' + element.className + ' ' + ratio.toFixed(2)] : [];
  });
})()`;
