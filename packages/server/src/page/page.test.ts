import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type BrowserPage, findChromium, openBrowser } from '../../../eval/src/__fixtures__/browser.ts';
import {
  gateVerdict,
  hostile,
  jobOf,
  type PageService,
  pageKey,
  startPageService,
} from './__fixtures__/page-service.ts';

describe("the page's files", () => {
  it('are sent with a policy of contents that lets nothing else run', async () => {
    await using service = await startPageService();
    for (const path of ['', 'page/main.js', 'page/page.css', 'page/uplot.js']) {
      const response = await fetch(`${service.url}${path}`);
      expect(response.status).toBe(200);
      const policy = response.headers.get('content-security-policy')!;
      expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'");
      expect(policy).not.toContain('unsafe');
      expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    }
    const html = await (await fetch(service.url)).text();
    expect(html).not.toMatch(/\son\w+=|style=|<script>|https?:/);
    for (const path of ['page/../register-page.ts', 'page/%2e%2e/index.html', 'page/tsconfig.json'])
      expect((await fetch(`${service.url}${path}`)).status).toBe(404);
  });
});

const chromium = findChromium();
/** Where screenshots go, for who wants to look at them. */
const pictures = process.env.SAFETUNE_PAGE_PICTURES;

describe.skipIf(chromium === undefined)('the page in a browser (skipped where there is no Chromium)', () => {
  let browser: BrowserPage;
  let service: PageService;
  beforeEach(async () => {
    [browser, service] = [await openBrowser(chromium!), await startPageService()];
  });
  afterEach(async () => {
    await browser[Symbol.asyncDispose]();
    await service[Symbol.asyncDispose]();
  });

  const text = () => browser.evaluate<string>('document.body.innerText');
  const showsSoon = (wanted: string) => expect.poll(text, { timeout: 20_000 }).toContain(wanted);
  const width = async (pixels: number) => {
    await browser.send('Emulation.setDeviceMetricsOverride', {
      ...{ width: pixels, height: 900, deviceScaleFactor: 1, mobile: pixels < 600 },
    });
  };
  const picture = async (name: string) => {
    if (pictures === undefined) return;
    const { data } = (await browser.send('Page.captureScreenshot', { captureBeyondViewport: true })) as {
      readonly data: string;
    };
    await mkdir(pictures, { recursive: true });
    await writeFile(join(pictures, `${name}.png`), Buffer.from(data, 'base64'));
  };
  const enterKey = async (key: string) => {
    await browser.evaluate(`document.getElementById('key').focus()`);
    await browser.send('Input.insertText', { text: key });
    await browser.send('Input.dispatchKeyEvent', {
      type: 'keyDown',
      key: 'Enter',
      code: 'Enter',
      text: '\r',
    });
  };
  const goTo = (hash: string) => browser.evaluate(`void (location.hash = ${JSON.stringify(hash)})`);

  it('asks for the key, sends it as a header alone, and forgets it', async () => {
    await browser.open(service.url);
    expect(await browser.evaluate('document.activeElement.id')).toBe('key');
    expect(service.asked).toEqual([]);
    await enterKey('sk-wrong');
    await showsSoon('The key is not valid.');
    await enterKey(pageKey);
    await showsSoon('ftjob-1');
    expect(service.asked.at(-1)!.authorization).toBe(`Bearer ${pageKey}`);
    for (const address of browser.requests) expect(address).not.toContain('sk-');
    expect(await browser.evaluate('location.href')).toBe(service.url);
    expect(await browser.evaluate('document.cookie + JSON.stringify(localStorage)')).toBe('{}');
    await browser.evaluate(`document.getElementById('forget').click()`);
    expect(await browser.evaluate('sessionStorage.length')).toBe(0);
    expect(await text()).not.toContain('ftjob-1');
    // Chromium itself logs an answer that is 401.
    expect(browser.complaints.filter((complaint) => !complaint.includes('401'))).toEqual([]);
  });

  it('shows a curve that moves while a job makes events, and its verdicts when it ends', async () => {
    await width(1280);
    for (let step = 1; step <= 30; step++) service.addEvent(metrics(step));
    await browser.open(service.url);
    await enterKey(pageKey);
    await showsSoon('ftjob-1');
    await goTo('#job/ftjob-1');
    await showsSoon('Kl penalty');
    const label = () =>
      browser.evaluate<string>(`document.querySelector('figure [role=img]').getAttribute('aria-label')`);
    const pixels = () => browser.evaluate<string>(`document.querySelector('figure canvas').toDataURL()`);
    expect(await label()).toContain('train loss: 30 values, 2.5 at step 1');
    const before = await pixels();
    await browser.evaluate(`document.querySelector('details summary').click()`);
    service.addEvent(metrics(31));
    service.addEvent({ type: 'message', message: `Step 31 was hard ${hostile}` });
    await expect.poll(label, { timeout: 20_000 }).toContain('31 values');
    expect(await text()).toContain('Status: running, step 31 of 60');
    expect(await pixels()).not.toBe(before);
    const table = await browser.evaluate<string>(`document.querySelector('details table').innerText`);
    expect(table.trim().split('\n').at(-1)).toContain('31');
    await showsSoon(`Step 31 was hard ${hostile}`);
    await showsSoon("the provider's, made stronger by you");
    const ended = jobOf({ status: 'succeeded', gate: gateVerdict, result_files: ['file-result'] });
    service.answers.set('/v1/fine_tuning/jobs/ftjob-1', ended);
    await showsSoon('log-odds is beyond 0.25');
    await showsSoon('step_metrics.csv');
    expect(await browser.evaluate(`document.getElementById('news').textContent`)).toBe(
      'The job is now succeeded.',
    );
    await picture('job-1280');
    await width(390);
    await picture('job-390');
    expect(browser.complaints).toEqual([]);
    const foreign = browser.requests.filter(
      (address) => !address.startsWith(service.url) && !address.startsWith('data:'),
    );
    expect(foreign).toEqual([]);
  });

  it.each([390, 1280])('fits a window of %i pixels, whatever it shows, in light and dark', async (pixels) => {
    await width(pixels);
    await browser.open(service.url);
    await picture(`key-${pixels}`);
    await enterKey(pageKey);
    service.addEvent(metrics(1));
    for (const [hash, shown] of [
      ['#jobs', 'ftjob-2-with'],
      ['#job/ftjob-1', 'Kl penalty'],
      ['#files', 'left out'],
      ['#report/file-report', 'zero width'],
      ['#models', 'my-suffix'],
      ['#queue', 'worker-a'],
    ] as const) {
      await goTo(hash);
      await showsSoon(shown);
      const content = await browser.evaluate<number>('document.documentElement.scrollWidth');
      expect(content, hash).toBeLessThanOrEqual(pixels);
      await picture(`${hash.slice(1).replace('/', '-')}-${pixels}`);
    }
    await browser.send('Emulation.setEmulatedMedia', {
      features: [{ name: 'prefers-color-scheme', value: 'dark' }],
    });
    await goTo('#job/ftjob-1');
    await showsSoon('Kl penalty');
    await picture(`dark-${pixels}`);
    expect(await browser.evaluate('document.images.length + document.scripts.length')).toBe(2);
    expect(browser.complaints).toEqual([]);
  });

  it('is used by keyboard, and named for those who do not see it', async () => {
    await browser.open(service.url);
    await enterKey(pageKey);
    await showsSoon('ftjob-1');
    expect(await browser.evaluate('document.activeElement.tagName')).toBe('H1');
    const tab = () =>
      browser.send('Input.dispatchKeyEvent', {
        type: 'keyDown',
        key: 'Tab',
        code: 'Tab',
        windowsVirtualKeyCode: 9,
      });
    await tab();
    expect(await browser.evaluate('document.activeElement.textContent')).toBe('ftjob-1');
    expect(await browser.evaluate(`getComputedStyle(document.activeElement).outlineStyle`)).toBe('solid');
    // A refresh does not take the focus away.
    const count = service.asked.length;
    await expect.poll(() => service.asked.length, { timeout: 20_000 }).toBeGreaterThan(count + 1);
    expect(await browser.evaluate('document.activeElement.textContent')).toBe('ftjob-1');
    await browser.send('Input.dispatchKeyEvent', {
      type: 'keyDown',
      key: 'Enter',
      code: 'Enter',
      text: '\r',
    });
    await showsSoon("the provider's, made stronger by you");
    expect(await browser.evaluate('document.activeElement.textContent')).toBe('Job ftjob-1');
    const tree = (await browser.send('Accessibility.getFullAXTree')) as {
      readonly nodes: readonly {
        readonly role?: { readonly value: string };
        readonly name?: { readonly value: string };
      }[];
    };
    const named = new Set(tree.nodes.map(({ role, name }) => `${role?.value}: ${name?.value}`));
    for (const landmark of [
      'banner: ',
      'main: ',
      'navigation: Parts of the service',
      'region: Safeguards',
      'table: Safeguards that act in the training',
      'columnheader: Strength',
      'rowheader: kl',
      'heading: Job ftjob-1',
    ])
      expect([...named]).toContain(landmark);
  });

  it('says what it may not see, and that the service is away', async () => {
    service.answers.set('/v1/service/queue', 403);
    await browser.open(service.url);
    await enterKey(pageKey);
    await showsSoon('ftjob-1');
    await goTo('#queue');
    await showsSoon("An operator's key shows the queue.");
    await goTo('#job/other');
    await showsSoon('not there');
    await goTo('#jobs');
    await showsSoon('ftjob-1');
    await service[Symbol.asyncDispose]();
    await showsSoon('The service does not answer.');
    expect(await text()).toContain('ftjob-1');
  });
});

function metrics(step: number) {
  return {
    type: 'metrics' as const,
    message: `Step ${step}: training loss=${2.5 - step / 50}`,
    data: { step, total_steps: 60, train_loss: step === 1 ? 2.5 : 2.5 - step / 50, kl_penalty: step / 100 },
  };
}
