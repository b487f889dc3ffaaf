import { expect, it, onTestFinished } from 'vitest';
import { findChromium, openBrowser } from '../../../eval/src/__fixtures__/browser.ts';
import { apiRoutes } from '../api/routes.ts';
import { createServer } from '../api/server.ts';
import { unixTime } from '../records/unix-time.ts';
import { startFakeWorker } from '../service/__fixtures__/fake-worker.ts';
import { openTestService, trainingFile } from '../service/__fixtures__/test-service.ts';
import { registerPage } from './register-page.ts';

const chromium = findChromium();

it.skipIf(chromium === undefined)(
  'follows a job of the real API from its making to the verdict (skipped where there is no Chromium)',
  async () => {
    const { service, client: clientOf, key } = await openTestService();
    const server = await createServer(service, { routes: apiRoutes });
    registerPage(server);
    const address = await server.listen({ host: '127.0.0.1', port: 0 });
    onTestFinished(() => server.close());
    const client = await clientOf('one');
    const file = await client.files.create({ file: trainingFile(), purpose: 'fine-tune' });
    const worker = startFakeWorker(service, { outcome: 'quarantined', isPatient: true });
    onTestFinished(() => worker.close());
    await using browser = await openBrowser(chromium!);
    await browser.open(address);
    const type = async (text: string) => {
      await browser.evaluate(`document.getElementById('key').focus()`);
      await browser.send('Input.insertText', { text });
      await browser.send('Input.dispatchKeyEvent', {
        type: 'keyDown',
        key: 'Enter',
        code: 'Enter',
        text: '\r',
      });
    };
    const showsSoon = (wanted: string) =>
      expect
        .poll(() => browser.evaluate<string>('document.body.innerText'), { timeout: 20_000 })
        .toContain(wanted);
    await type(await key('one'));
    await showsSoon('There are no jobs yet.');
    const job = await client.fineTuning.jobs.create({ model: 'tiny', training_file: file.id });
    await showsSoon(job.id);
    await browser.evaluate(`document.querySelector('tbody a').click()`);
    await showsSoon('Status: running');
    const label = () =>
      browser.evaluate<string>(
        `document.querySelector('figure [role=img]')?.getAttribute('aria-label') ?? ''`,
      );
    await expect.poll(label, { timeout: 20_000 }).toContain('now 0.3333 at step 3');
    await service.records.appendEvent(job.id, {
      ...{ createdAt: unixTime(), level: 'info', type: 'metrics', message: 'Step 4' },
      data: { step: 4, train_loss: 0.125 },
    });
    await expect.poll(label, { timeout: 20_000 }).toContain('now 0.125 at step 4');
    worker.finish();
    await showsSoon('Status: succeeded');
    await showsSoon('quarantined');
    for (const [hash, shown] of [
      ['#files', 'chats.jsonl'],
      ['#models', 'tiny'],
    ] as const) {
      await browser.evaluate(`void (location.hash = '${hash}')`);
      await showsSoon(shown);
    }
    expect(browser.complaints).toEqual([]);
    // The queue is the operator's: a customer is told so.
    await browser.evaluate(`void (location.hash = '#queue')`);
    await showsSoon("An operator's key shows the queue.");
    await browser.evaluate(`document.getElementById('forget').click()`);
    await type(await key('operator', { role: 'operator' }));
    await showsSoon('Jobs that wait');
  },
);
