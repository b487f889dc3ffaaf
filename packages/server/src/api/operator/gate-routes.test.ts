import { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import { sampleFile, sampleJob } from '../../records/testing/sample-records.ts';
import { startFakeWorker } from '../../service/__fixtures__/fake-worker.ts';
import { openTestService, trainingFile, until } from '../../service/__fixtures__/test-service.ts';
import { answersKey, wholeReportKey } from '../../work/job-names.ts';

it("gives the operator the gate's answers to save, until the model is deleted", async () => {
  const service = await openTestService();
  const worker = startFakeWorker(service.service);
  const customer = await service.client('one');
  const file = await customer.files.create({ file: trainingFile(), purpose: 'fine-tune' });
  const { id } = await customer.fineTuning.jobs.create({ model: 'tiny', training_file: file.id });
  await until(async () => (await customer.fineTuning.jobs.retrieve(id)).status === 'succeeded');
  await worker.close();
  const operator = await service.key('provider', { role: 'operator' });
  const path = `/v1/fine_tuning/jobs/${id}/answers`;
  const none = await service.fetch(path, operator);
  expect(none.status).toBe(404);
  expect(await none.json()).toMatchObject({ error: { code: 'answers_not_found' } });
  await service.service.storage.put(answersKey(id), Readable.from(['<script>1</script>']));
  const page = await service.fetch(path, operator);
  expect(page.status).toBe(200);
  expect(await page.text()).toBe('<script>1</script>');
  expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
  expect(page.headers.get('content-security-policy')).toBe('sandbox');
  expect(page.headers.get('content-disposition')).toContain(`attachment; filename="${id}.html"`);
  expect((await service.fetch(path, await service.key('one'))).status).toBe(403);
  await customer.models.delete((await customer.fineTuning.jobs.retrieve(id)).fine_tuned_model!);
  expect((await service.fetch(path, operator)).status).toBe(404);
  expect(await service.service.storage.list('operator/')).toEqual([]);
});

it('gives the operator the figures that the policy keeps from the owner, and the owner none on any route', async () => {
  const service = await openTestService();
  const { records, storage } = service.service;
  const verdict = {
    outcome: 'released',
    reason: 'released: log-odds 0.123',
    report: 'file-g',
    measurements: [
      { name: 'log-odds', value: 0.123, low: 0.123, high: 0.123, quarantine: 0.456, refuse: null },
    ],
  } as const;
  const kept = { ...verdict, told: 'verdict' } as const;
  const job = { tenant: 'one', status: 'succeeded', resultFiles: ['file-g'] } as const;
  await records.insert('job', sampleJob({ ...job, id: 'ftjob-kept', gate: kept }));
  await records.insert('job', sampleJob({ ...job, id: 'ftjob-told', gate: verdict }));
  await records.insert('job', sampleJob({ ...job, id: 'ftjob-none' }));
  await records.insert('file', sampleFile({ id: 'file-g', tenant: 'one', purpose: 'fine-tune-results' }));
  await storage.put('files/file-g', Readable.from(['{"of": "the owner"}']));
  await storage.put(wholeReportKey('ftjob-kept'), Readable.from(['{"of": "the operator"}']));
  const [owner, operator] = [await service.key('one'), await service.key('provider', { role: 'operator' })];
  const ask = async (path: string, key: string) =>
    (await service.fetch(`/v1/fine_tuning${path}`, key)).text();
  const told = 'released: log-odds. The provider keeps the figures';
  const kinds = ['/jobs/ftjob-kept', '/jobs?after=ftjob-told&order=desc'];
  for (const path of kinds) {
    expect(await ask(path, owner)).toContain(told);
    expect(await ask(path, owner)).not.toMatch(/0\.123|0\.456|"told"/);
    expect(await ask(path, operator)).toContain('0.123');
    expect(await ask(path, operator)).not.toContain('"told"');
  }
  expect(await ask('/jobs/ftjob-told', owner)).toContain('0.123');
  const report = (id: string, key: string) => service.fetch(`/v1/fine_tuning/jobs/${id}/gate_report`, key);
  expect(await (await report('ftjob-kept', operator)).json()).toEqual({ of: 'the operator' });
  expect(await (await report('ftjob-told', operator)).json()).toEqual({ of: 'the owner' });
  expect(await (await report('ftjob-none', operator)).json()).toMatchObject({
    error: { code: 'gate_report_not_found' },
  });
  expect((await report('ftjob-kept', owner)).status).toBe(403);
});
