/** Under `gate.report: verdict`, nothing that the owner of a job is given has a figure of the gate's; the operator has them all. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { jobObject } from '../api/jobs/job-object.ts';
import { answers, openJobWorld, policyText } from './__fixtures__/job-world.ts';
import { wholeReportKey } from './job-names.ts';

it.each(['refused', 'quarantined'] as const)('of a model that is %s', async (outcome) => {
  // Everything reaches such bounds, and they are as secret as what is measured.
  const [quarantine, refuse] = outcome === 'refused' ? [-98765, -87654] : [-98765, 87654];
  const world = await openJobWorld({
    policy: `${policyText(0)}gate: {report: verdict, log_odds: {quarantine: ${quarantine}, refuse: ${refuse}}}\n`,
  });
  onTestFinished(() => world.close());
  world.startWorker({ jobProgram: new URL('./job-process.ts', import.meta.url) });
  const { id } = await world.createJob({ training_file: await world.upload(answers) });
  const job = await world.untilOver(id);
  const names = job.gate!.measurements.map(({ name }) => name);
  const reason = `${outcome}: ${names.join('; ')}. The provider keeps the figures`;
  const { storage, records } = world.service;
  const read = async (key: string) => {
    const path = join(world.folder, 'read');
    await storage.fetch(key, path);
    return readFile(path, 'utf8');
  };
  const files = await Promise.all(job.resultFiles.map((file) => records.get('file', file)));
  const owners = {
    job: JSON.stringify(jobObject(job, { role: 'customer' })),
    events: JSON.stringify(await world.events(id)),
    report: await read(files.find((file) => file?.filename === 'gate_report.json')!.key),
    // A provider may give the model's folder to its owner.
    modelReport: await read(`models/${id}/1/report.json`),
    manifest: await read(`models/${id}/1/manifest.json`),
    table: await read(files.find((file) => file?.filename === 'step_metrics.csv')!.key),
  };
  const figures = job.gate!.measurements.flatMap(({ value, low, high }) => [value!, low!, high!]);
  expect(figures.length).toBeGreaterThanOrEqual(3);
  for (const [place, text] of Object.entries(owners)) {
    for (const figure of figures) expect(text, place).not.toContain(String(figure));
    for (const bound of [98765, 87654]) expect(text, place).not.toContain(String(bound));
  }
  expect(JSON.parse(owners.job)).toMatchObject({
    gate: { outcome, measurements: [], reason },
    error: outcome === 'refused' ? { message: `the gate refused the model: ${reason}` } : null,
  });
  expect(owners.events).toContain(`Gate: ${reason}`);
  expect(JSON.parse(owners.report)).toMatchObject({ outcome, reason, measurements: [], log_odds: [] });
  expect(owners.modelReport).toBe(owners.report);
  expect(JSON.parse(owners.manifest).manifest.gate).toMatchObject({ outcome, reason, measurements: [] });

  expect(jobObject(job, { role: 'operator' }).gate).toMatchObject({
    measurements: job.gate!.measurements,
    reason: expect.stringContaining(`log-odds ${figures[0]!.toFixed(3)}`),
  });
  expect(await records.get('held-back', id)).toMatchObject({ tenant: 'one', outcome });
  const whole = JSON.parse(await read(wholeReportKey(id)));
  expect(whole).toMatchObject({ outcome, measurements: job.gate!.measurements });
  expect(whole.log_odds[0].growth).toHaveLength(24);
});
