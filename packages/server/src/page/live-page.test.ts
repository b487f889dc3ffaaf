import { expect, it, onTestFinished } from 'vitest';
import { findChromium } from '../../../eval/src/__fixtures__/browser.ts';
import { apiRoutes } from '../api/routes.ts';
import { createServer } from '../api/server.ts';
import { unixTime } from '../records/unix-time.ts';
import { startFakeWorker } from '../service/__fixtures__/fake-worker.ts';
import { openTestService, trainingFile } from '../service/__fixtures__/test-service.ts';
import { openPageInBrowser } from './__fixtures__/page-in-browser.ts';
import { registerPage } from './register-page.ts';

const chromium = findChromium();

it.skipIf(chromium === undefined)(
  'follows a job of the real API from its making to the verdict and the decision (skipped where there is no Chromium)',
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
    await using browser = await openPageInBrowser(chromium!);
    await browser.open(address);
    await browser.enterKey(await key('one'));
    await browser.showsSoon('There are no jobs yet.');
    const job = await client.fineTuning.jobs.create({ model: 'tiny', training_file: file.id });
    await browser.showsSoon(job.id);
    await browser.evaluate(`document.querySelector('tbody a').click()`);
    await browser.showsSoon('Status: running');
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
    await browser.focus(`Pause job ${job.id}`);
    await browser.press('Enter');
    await browser.showsSoon('Status: paused');
    await browser.focus(`Resume job ${job.id}`);
    await browser.press('Enter');
    await browser.showsSoon('The job goes on: it is in the queue again.');
    await browser.showsSoon('Status: running');
    worker.finish();
    await browser.showsSoon('Status: succeeded');
    await browser.showsSoon('quarantined');
    for (const [hash, shown] of [
      ['#files', 'chats.jsonl'],
      ['#models', 'tiny'],
    ] as const) {
      await browser.goTo(hash);
      await browser.showsSoon(shown);
    }
    // The queue is the operator's: a customer is told so.
    await browser.goTo('#queue');
    await browser.showsSoon("An operator's key shows the queue.");
    await browser.evaluate(`document.getElementById('forget').click()`);
    await browser.enterKey(await key('operator', { role: 'operator' }));
    await browser.showsSoon('Jobs that wait');
    const model = (await client.fineTuning.jobs.retrieve(job.id)).fine_tuned_model!;
    await browser.goTo('#models');
    await browser.focus(`Release ${model}`);
    await browser.press('Enter');
    await browser.type('looked at');
    await browser.press('Enter');
    await browser.showsSoon(`${model} is released.`);
    const [told] = (await client.fineTuning.jobs.listEvents(job.id)).data;
    expect(told!.message).toBe('The operator released the model: looked at');
    await browser.focus(`Delete ${model}`);
    await browser.press('Enter');
    await browser.press('Tab');
    await browser.press('Enter');
    await browser.showsSoon(`${model} is deleted.`);
    await expect(client.models.retrieve(model)).rejects.toMatchObject({ status: 404 });
    expect(browser.complaints).toEqual([]);
  },
);
