import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findChromium } from '../../../eval/src/__fixtures__/browser.ts';
import { openPageInBrowser, type PageInBrowser } from './__fixtures__/page-in-browser.ts';
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

describe.skipIf(chromium === undefined)('the page in a browser (skipped where there is no Chromium)', () => {
  let browser: PageInBrowser;
  let service: PageService;
  beforeEach(async () => {
    [browser, service] = [await openPageInBrowser(chromium!), await startPageService()];
  });
  afterEach(async () => {
    await browser[Symbol.asyncDispose]();
    await service[Symbol.asyncDispose]();
  });

  it('asks for the key, sends it as a header alone, and forgets it', async () => {
    await browser.open(service.url);
    expect(await browser.evaluate('document.activeElement.id')).toBe('key');
    expect(service.asked).toEqual([]);
    await browser.enterKey('sk-wrong');
    await browser.showsSoon('The key is not valid.');
    await browser.enterKey(pageKey);
    await browser.showsSoon('ftjob-1');
    expect(service.asked.at(-1)!.authorization).toBe(`Bearer ${pageKey}`);
    for (const address of browser.requests) expect(address).not.toContain('sk-');
    expect(await browser.evaluate('location.href')).toBe(service.url);
    expect(await browser.evaluate('document.cookie + JSON.stringify(localStorage)')).toBe('{}');
    await browser.evaluate(`document.getElementById('forget').click()`);
    expect(await browser.evaluate('sessionStorage.length')).toBe(0);
    expect(await browser.text()).not.toContain('ftjob-1');
    // Chromium itself logs an answer that is 401.
    expect(browser.complaints.filter((complaint) => !complaint.includes('401'))).toEqual([]);
  });

  it('shows a curve that moves while a job makes events, and its verdicts when it ends', async () => {
    await browser.width(1280);
    for (let step = 1; step <= 30; step++) service.addEvent(metrics(step));
    await browser.open(service.url);
    await browser.enterKey(pageKey);
    await browser.showsSoon('ftjob-1');
    await browser.goTo('#job/ftjob-1');
    await browser.showsSoon('kl-on-anchors');
    const label = () =>
      browser.evaluate<string>(`document.querySelector('figure [role=img]').getAttribute('aria-label')`);
    const pixels = () => browser.evaluate<string>(`document.querySelector('figure canvas').toDataURL()`);
    expect(await label()).toContain('train loss: 30 values, 2.5 at step 1');
    const before = await pixels();
    await browser.evaluate(`document.querySelector('details summary').click()`);
    service.addEvent(metrics(31));
    service.addEvent({ type: 'message', message: `Step 31 was hard ${hostile}` });
    await expect.poll(label, { timeout: 20_000 }).toContain('31 values');
    expect(await browser.text()).toContain('Status: running, step 31 of 60');
    expect(await pixels()).not.toBe(before);
    const table = await browser.evaluate<string>(`document.querySelector('details table').innerText`);
    expect(table.trim().split('\n').at(-1)).toContain('31');
    await browser.showsSoon(`Step 31 was hard ${hostile}`);
    await browser.showsSoon("the provider's, made stronger by the customer");
    const ended = jobOf({ status: 'succeeded', gate: gateVerdict, result_files: ['file-result'] });
    service.answers.set('/v1/fine_tuning/jobs/ftjob-1', ended);
    await browser.look();
    await browser.showsSoon('log-odds is beyond 0.25');
    await browser.showsSoon('step_metrics.csv');
    expect(await browser.evaluate(`document.getElementById('news').textContent`)).toBe(
      'The job is now succeeded.',
    );
    await browser.picture('job-1280');
    await browser.width(390);
    await browser.picture('job-390');
    expect(browser.complaints).toEqual([]);
    const foreign = browser.requests.filter(
      (address) => !address.startsWith(service.url) && !address.startsWith('data:'),
    );
    expect(foreign).toEqual([]);
  });

  it.each([390, 1280])('fits a window of %i pixels, whatever it shows, in light and dark', async (pixels) => {
    await browser.width(pixels);
    await browser.open(service.url);
    await browser.picture(`key-${pixels}`);
    await browser.enterKey(pageKey);
    service.addEvent(metrics(1));
    for (const [hash, shown] of [
      ['#jobs', 'ftjob-2-with'],
      ['#job/ftjob-1', 'kl-on-anchors'],
      ['#files', 'left out'],
      ['#report/file-report', 'zero width'],
      ['#models', 'my-suffix'],
      ['#queue', 'worker-a'],
    ] as const) {
      await browser.goTo(hash);
      await browser.showsSoon(shown);
      const content = await browser.evaluate<number>('document.documentElement.scrollWidth');
      expect(content, hash).toBeLessThanOrEqual(pixels);
      await browser.picture(`${hash.slice(1).replace('/', '-')}-${pixels}`);
    }
    await browser.dark();
    await browser.goTo('#job/ftjob-1');
    await browser.showsSoon('kl-on-anchors');
    await browser.picture(`dark-${pixels}`);
    expect(await browser.evaluate('document.images.length + document.scripts.length')).toBe(2);
    expect(browser.complaints).toEqual([]);
  });

  it('is used by keyboard, and named for those who do not see it', async () => {
    await browser.open(service.url);
    await browser.enterKey(pageKey);
    await browser.showsSoon('ftjob-1');
    expect(await browser.evaluate('document.activeElement.tagName')).toBe('H1');
    await browser.press('Tab');
    expect(await browser.evaluate('document.activeElement.textContent')).toBe('ftjob-1');
    expect(await browser.evaluate(`getComputedStyle(document.activeElement).outlineStyle`)).toBe('solid');
    // A refresh does not take the focus away.
    service.answers.set('/v1/fine_tuning/jobs', { data: [jobOf({ id: 'ftjob-new' }), jobOf()] });
    await browser.look();
    await browser.showsSoon('ftjob-new');
    expect(await browser.evaluate('document.activeElement.textContent')).toBe('ftjob-1');
    await browser.press('Enter');
    await browser.showsSoon("the provider's, made stronger by the customer");
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
    service.answers.set('/v1/service/key', { tenant: 'acme', role: 'customer' });
    await browser.open(service.url);
    await browser.enterKey(pageKey);
    await browser.showsSoon('ftjob-1');
    await browser.goTo('#queue');
    await browser.showsSoon("An operator's key shows the queue.");
    await browser.goTo('#job/other');
    await browser.showsSoon('not there');
    await browser.goTo('#jobs');
    await browser.showsSoon('ftjob-1');
    await service[Symbol.asyncDispose]();
    await browser.showsSoon('The service does not answer.');
    expect(await browser.text()).toContain('ftjob-1');
  });
});

function metrics(step: number) {
  return {
    type: 'metrics' as const,
    message: `Step ${step}: training loss=${2.5 - step / 50}`,
    data: {
      step,
      total_steps: 60,
      train_loss: step === 1 ? 2.5 : 2.5 - step / 50,
      'kl-on-anchors': step / 100,
    },
  };
}
