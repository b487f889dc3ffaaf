import { expect, it } from 'vitest';
import type { GateVerdict } from '../gate/gate-verdict.ts';
import { sampleJob } from '../records/testing/sample-records.ts';
import { openTestService } from '../service/__fixtures__/test-service.ts';
import { heldBackModels, noteHeldBack, seeHeldBack } from './held-back.ts';

const verdict = (outcome: GateVerdict['outcome'], ...values: readonly (number | null)[]): GateVerdict => ({
  ...{ outcome, reason: '', report: null },
  measurements: values.map((value) => ({
    ...{ name: 'log-odds', value, low: value, high: value, quarantine: 0.5, refuse: 0.9 },
  })),
});

it('counts what was measured to be bad, once for a job, as its last attempt found', async () => {
  const { service } = await openTestService();
  const note = (id: string, gate: GateVerdict) =>
    noteHeldBack(service.records, { job: sampleJob({ id }), model: `ft:${id}`, gate });
  const counted = async () => (await heldBackModels(service, 'acme')).map(({ id, outcome }) => [id, outcome]);
  await note('released', verdict('released', 0.1));
  // A judge that does not answer is no fault of the customer's.
  await note('not-measured', verdict('quarantined', null, 0.1));
  await note('partly', verdict('quarantined', null, 0.6));
  await note('again', verdict('refused', 0.95));
  await note('again', verdict('refused', 0.95));
  await note('otherwise', verdict('quarantined', 0.6));
  await note('otherwise', verdict('released', 0.4));
  expect(await counted()).toEqual([
    ['again', 'refused'],
    ['partly', 'quarantined'],
  ]);
  await seeHeldBack(service.records, 'again', { keyId: 'key-1', at: 1, reason: 'first' });
  await seeHeldBack(service.records, 'again', { keyId: 'key-2', at: 2, reason: 'second' });
  expect(await counted()).toEqual([['partly', 'quarantined']]);
  expect((await service.records.get('held-back', 'again'))?.seen?.keyId).toBe('key-1');
});
