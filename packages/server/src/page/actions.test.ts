import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { findChromium } from '../../../eval/src/__fixtures__/browser.ts';
import { openPageInBrowser, type PageInBrowser } from './__fixtures__/page-in-browser.ts';
import {
  gateVerdict,
  jobOf,
  type PageService,
  pageKey,
  startPageService,
} from './__fixtures__/page-service.ts';

const chromium = findChromium();
const job = '/v1/fine_tuning/jobs/ftjob-1';
const model = 'ft:tiny-chat:acme:my-suffix:12345678';
const decide = `POST /v1/fine_tuning/models/${encodeURIComponent(model)}`;
const customer = { tenant: 'acme', role: 'customer' };

describe.skipIf(chromium === undefined)(
  'what may be done on the page (skipped where there is no Chromium)',
  () => {
    let browser: PageInBrowser;
    let service: PageService;
    let complained: number;
    beforeAll(async () => {
      browser = await openPageInBrowser(chromium!);
    });
    afterAll(() => browser[Symbol.asyncDispose]());
    beforeEach(async () => {
      // Each at a port of its own, so that no test finds another's key.
      service = await startPageService();
      complained = browser.complaints.length;
    });
    afterEach(async () => {
      // The page asks no service that is gone, which the next test would find among its complaints.
      await browser.open('about:blank');
      await service[Symbol.asyncDispose]();
    });

    const complaints = () => browser.complaints.slice(complained);
    const see = async (hash: string, shown: string) => {
      await browser.open(`${service.url}${hash}`);
      await browser.enterKey(pageKey);
      await browser.showsSoon(shown);
    };
    const jobIs = (changes: object) => service.answers.set(job, jobOf(changes));
    const outcome = () => browser.evaluate<string>(`document.getElementById('outcome').textContent`);
    const tells = (wanted: string) => expect.poll(outcome, { timeout: 20_000 }).toBe(wanted);
    const hasButtons = (...names: string[]) =>
      expect
        .poll(async () => (await browser.buttons()).filter((name) => name !== 'Forget the key'), {
          timeout: 20_000,
        })
        .toEqual(names);
    const hasDialog = () => browser.evaluate<boolean>(`document.querySelector('dialog') !== null`);

    it('pauses a job and has it go on, each with one request', async () => {
      let answer = () => {};
      service.answers.set(`POST ${job}/pause`, async () => {
        await new Promise<void>((resolve) => {
          answer = resolve;
        });
        jobIs({ status: 'paused', wanted: 'pause' });
        return jobOf({ status: 'running', wanted: 'pause' });
      });
      service.answers.set(`POST ${job}/resume`, () => {
        jobIs({ status: 'queued', wanted: 'run' });
        return jobOf({ status: 'queued' });
      });
      await see('#job/ftjob-1', 'Status: running');
      await hasButtons('Pause job ftjob-1', 'Cancel job ftjob-1');
      await browser.focus('Pause job ftjob-1');
      await browser.press('Enter');
      await expect.poll(() => service.sent.length, { timeout: 20_000 }).toBe(1);
      const pause = `[...document.querySelectorAll('button')].find((one) => one.textContent === 'Pause')`;
      expect(await browser.evaluate(`${pause}.disabled + ' ' + ${pause}.ariaBusy`)).toBe('true true');
      // What is pressed again meanwhile, by a program too, is not sent again.
      await browser.evaluate(`${pause}.click(), ${pause}.dispatchEvent(new MouseEvent('click')), 0`);
      answer();
      await tells('The job pauses as soon as its state is saved.');
      await browser.showsSoon('Status: paused');
      await hasButtons('Dismiss', 'Resume job ftjob-1', 'Cancel job ftjob-1');
      await expect.poll(() => browser.focused(), { timeout: 20_000 }).toBe('Resume job ftjob-1');
      await browser.picture('paused-1280');
      await browser.press('Enter');
      await tells('The job goes on: it is in the queue again.');
      await browser.showsSoon('Status: queued');
      jobIs({ status: 'running' });
      await browser.look();
      await browser.showsSoon('Status: running');
      // No refresh takes away what was told.
      expect(await outcome()).toBe('The job goes on: it is in the queue again.');
      expect(service.sent).toEqual([{ what: `POST ${job}/pause` }, { what: `POST ${job}/resume` }]);
      expect(complaints()).toEqual([]);
    });

    it('cancels a job when it was asked about, by keyboard', async () => {
      service.answers.set(`POST ${job}/cancel`, () => {
        jobIs({ status: 'cancelled', wanted: 'cancel' });
        return jobOf({ status: 'running', wanted: 'cancel' });
      });
      await see('#job/ftjob-1', 'Status: running');
      await browser.focus('Cancel job ftjob-1');
      await browser.press('Enter');
      expect(await hasDialog()).toBe(true);
      expect(await browser.focused()).toBe('Go back');
      await browser.picture('cancel-1280');
      const { nodes } = (await browser.send('Accessibility.getFullAXTree')) as {
        readonly nodes: readonly Record<'role' | 'name' | 'description', { readonly value: string }>[];
      };
      const dialog = nodes.find(({ role }) => role?.value === 'dialog');
      expect([dialog?.name.value, dialog?.description.value]).toEqual([
        'Cancel this job?',
        'Job ftjob-1 ends for good: what it has learned is deleted, and it cannot be resumed.',
      ]);
      await browser.press('Escape');
      await expect.poll(hasDialog, { timeout: 20_000 }).toBe(false);
      expect(await browser.focused()).toBe('Cancel job ftjob-1');
      await browser.press('Enter');
      await browser.press('Enter');
      await expect.poll(hasDialog, { timeout: 20_000 }).toBe(false);
      expect(service.sent).toEqual([]);
      await browser.press('Enter');
      await browser.press('Tab');
      expect(await browser.focused()).toBe('Cancel the job');
      await browser.press('Enter');
      await tells('The job is cancelled as soon as its worker stops.');
      await browser.showsSoon('Status: cancelled');
      await hasButtons('Dismiss');
      await expect.poll(() => browser.focused(), { timeout: 20_000 }).toBe('Job ftjob-1');
      expect(service.sent).toEqual([{ what: `POST ${job}/cancel` }]);
      await browser.focus('Dismiss');
      await browser.press('Enter');
      await hasButtons();
      expect(complaints()).toEqual([]);
    });

    it('offers what the state of a job allows', async () => {
      await see('#job/ftjob-1', 'Status: running');
      for (const [changes, shown, ...names] of [
        [{ status: 'queued' }, 'queued', 'Pause job ftjob-1', 'Cancel job ftjob-1'],
        [{ wanted: 'pause' }, 'Asked to\npause', 'Cancel job ftjob-1'],
        [{ wanted: 'cancel' }, 'Asked to\ncancel'],
        [{ status: 'paused', wanted: 'cancel' }, 'Status: paused'],
        [{ status: 'paused', wanted: 'pause' }, 'Status: paused', 'Resume job ftjob-1', 'Cancel job ftjob-1'],
        [{ status: 'succeeded' }, 'succeeded'],
      ] as const) {
        jobIs(changes);
        await browser.look();
        await browser.showsSoon(shown);
        await hasButtons(...names);
      }
    });

    it("releases and refuses, with an operator's reason, and shows a refusal of the API", async () => {
      service.answers.set(`${decide}/release`, 409);
      service.answers.set(`${decide}/refuse`, { id: model, status: 'refused' });
      await see('#models', 'my-suffix');
      await hasButtons(`Release ${model}`, `Refuse ${model}`, `Delete ${model}`);
      await browser.focus(`Release ${model}`);
      await browser.press('Enter');
      // The field for the reason has the focus.
      await browser.type(' looked at it ');
      await browser.picture('release-1280');
      await browser.press('Enter');
      await tells('Release: answered 409');
      await expect.poll(() => browser.focused(), { timeout: 20_000 }).toBe(`Release ${model}`);
      await browser.focus(`Refuse ${model}`);
      await browser.press('Enter');
      await browser.press('Enter');
      await tells(`${model} is refused.`);
      expect(service.sent).toEqual([
        { what: `${decide}/release`, body: { reason: 'looked at it' } },
        { what: `${decide}/refuse`, body: {} },
      ]);
      // Chromium itself logs an answer that is 409.
      expect(complaints().filter((complaint) => !complaint.includes('409'))).toEqual([]);
    });

    it("has the operator decide beside the gate's verdict", async () => {
      service.answers.set(`${decide}/release`, () => {
        service.answers.set('/v1/models', {
          data: [{ id: model, owned_by: 'acme', parent: 'tiny-chat', status: 'released' }],
        });
        return { id: model, status: 'released' };
      });
      jobIs({ status: 'succeeded', fine_tuned_model: model, gate: gateVerdict });
      await see('#job/ftjob-1', 'is quarantined.');
      await browser.focus('Save the answers that the judge saw');
      await browser.press('Enter');
      // There are none, and the page says so.
      await tells('Save the answers: not there');
      await browser.focus(`Release ${model}`);
      await browser.press('Enter');
      await browser.press('Enter');
      await tells(`${model} is released.`);
      await hasButtons(
        'Dismiss',
        "Save the gate's whole report",
        'Save the answers that the judge saw',
        `Delete ${model}`,
      );
      // Chromium itself logs an answer that is 404.
      expect(complaints().filter((complaint) => !complaint.includes('404'))).toEqual([]);
    });

    it('readmits a tenant, with a reason', async () => {
      const readmit = 'POST /v1/service/tenants/acme/readmit';
      service.answers.set(readmit, () => {
        service.answers.set('/v1/service/tenants', { data: [] });
        return { id: 'acme' };
      });
      await see('#queue', 'stopped');
      await browser.focus('Readmit acme');
      await browser.press('Enter');
      await browser.type('a mistake');
      await browser.press('Enter');
      await tells('acme may make jobs again.');
      await browser.showsSoon('no model lately');
      expect(service.sent).toEqual([{ what: readmit, body: { reason: 'a mistake' } }]);
      expect(complaints()).toEqual([]);
    });

    it('deletes models and files, and a customer is offered no decision', async () => {
      const deleteModel = `DELETE /v1/models/${encodeURIComponent(model)}`;
      service.answers.set('/v1/service/key', customer);
      service.answers.set(deleteModel, () => {
        service.answers.set('/v1/models', { data: [] });
        return { id: model, deleted: true };
      });
      service.answers.set('DELETE /v1/files/file-report', { id: 'file-report', deleted: true });
      await see('#models', 'my-suffix');
      await hasButtons(`Delete ${model}`);
      expect(await browser.text()).not.toContain('Queue');
      await browser.focus(`Delete ${model}`);
      await browser.press('Enter');
      await browser.press('Tab');
      await browser.press('Enter');
      await tells(`${model} is deleted.`);
      await browser.showsSoon('There are no models.');
      await browser.goTo('#files');
      await browser.showsSoon('screening.jsonl');
      // What was told of a model is not told of files.
      expect(await outcome()).toBe('');
      await browser.focus('Delete screening.jsonl (file-report)');
      await browser.press('Enter');
      await browser.press('Tab');
      await browser.press('Enter');
      await tells('screening.jsonl (file-report) is deleted.');
      expect(service.sent).toEqual([{ what: deleteModel }, { what: 'DELETE /v1/files/file-report' }]);
      jobIs({ status: 'succeeded', fine_tuned_model: model });
      await browser.goTo('#job/ftjob-1');
      await browser.showsSoon('Status: succeeded');
      await hasButtons();
      expect(complaints()).toEqual([]);
    });

    it('takes a question back with the view that it was about, and says when nothing answers', async () => {
      await see('#job/ftjob-1', 'Status: running');
      await browser.focus('Cancel job ftjob-1');
      await browser.press('Enter');
      await browser.goTo('#jobs');
      await browser.showsSoon('ftjob-2');
      expect(await hasDialog()).toBe(false);
      await browser.goTo('#job/ftjob-1');
      await browser.focus('Pause job ftjob-1');
      await service[Symbol.asyncDispose]();
      await browser.press('Enter');
      await tells('Pause: The service does not answer. Whether it was done is not known.');
      expect(service.sent).toEqual([]);
    });
  },
);
