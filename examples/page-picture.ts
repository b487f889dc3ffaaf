/**
 * Takes the picture of the service's page: the job of a customer with harmful data, whose model the gate holds back, as serve:demo left it.
 * Needs a Chromium.
 *
 *     npx -y pnpm@12 serve:demo && npx -y pnpm@12 pictures:page
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { makeOperatorKey, startService } from '@safetune/server';
import OpenAI from 'openai';
import { findChromium, openBrowser } from '../packages/eval/src/__fixtures__/browser.ts';

const workspace = join(import.meta.dirname, '..');
const demo = join(workspace, 'out/serve-demo');
const folder = join(workspace, 'docs/pictures');
const data = join(demo, 'data-2');
/** As it is seen beside text. */
const width = 880;

const chromium = findChromium();
if (chromium === undefined) throw new Error('There is no Chromium. SAFETUNE_CHROMIUM may say where it is.');
const key = await makeOperatorKey({ data });
const service = await startService({
  policy: join(demo, 'provider/guarded.yaml'),
  data,
  port: 0,
  workers: 0,
});
const browser = await openBrowser(chromium);
try {
  const client = new OpenAI({ baseURL: `${service.address}/v1`, apiKey: key });
  const [job] = (await client.fineTuning.jobs.list()).data;
  await browser.send('Emulation.setScrollbarsHidden', { hidden: true });
  await resize(900);
  await browser.open(`${service.address}/#job/${job!.id}`);
  await browser.evaluate(
    `document.getElementById('key').value = ${JSON.stringify(key)}, document.getElementById('key-form').requestSubmit()`,
  );
  while (!(await browser.evaluate<boolean>(`document.body.innerText.includes('is quarantined.')`))) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  // To the decision; what comes after it is lists.
  await resize(
    await browser.evaluate(
      `Math.ceil(document.querySelector('[aria-label^="Gate"]').getBoundingClientRect().bottom) + 12`,
    ),
  );
  await mkdir(folder, { recursive: true });
  for (const theme of ['light', 'dark'] as const) await take(theme);
} finally {
  await browser[Symbol.asyncDispose]();
  await service.close();
}

async function resize(height: number): Promise<void> {
  await browser.send('Emulation.setDeviceMetricsOverride', {
    ...{ width, height, deviceScaleFactor: 1, mobile: false },
  });
}

async function take(theme: 'light' | 'dark'): Promise<void> {
  const features = [{ name: 'prefers-color-scheme', value: theme }];
  await browser.send('Emulation.setEmulatedMedia', { features });
  const { data: picture } = (await browser.send('Page.captureScreenshot', {
    ...{ format: 'webp', quality: 90 },
  })) as { readonly data: string };
  const file = join(folder, `service-page-${theme}.webp`);
  await writeFile(file, Buffer.from(picture, 'base64'));
  console.log(relative(process.cwd(), file));
}
