import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { authenticate } from '../api/authentication.ts';
import { openStores } from '../open-stores.ts';
import { makeFirstKey, makeOperatorKey } from './operator-keys.ts';

it("makes an operator's key that a server which runs takes at once, and leaves the others as they are", async () => {
  const data = await mkdtemp(join(tmpdir(), 'safetune-operator-'));
  onTestFinished(() => rm(data, { recursive: true }));
  const running = await openStores({ data });
  onTestFinished(() => running.close());
  const first = (await makeFirstKey(running.records))!;
  const before = await authenticate(`Bearer ${first}`, running.records);

  const made = await makeOperatorKey({ data });
  const key = await authenticate(`Bearer ${made}`, running.records);
  expect(key).toMatchObject({ tenant: 'operator', role: 'operator', expiresAt: null });
  expect(key.id).not.toBe(before.id);
  expect(await authenticate(`Bearer ${first}`, running.records)).toEqual(before);
  // What is kept of it does not tell it.
  expect(JSON.stringify(key)).not.toContain(made);
});

it('makes none where no service has kept anything', async () => {
  const data = await mkdtemp(join(tmpdir(), 'safetune-operator-'));
  onTestFinished(() => rm(data, { recursive: true }));
  await expect(makeOperatorKey({ data })).rejects.toMatchObject({ problem: 'missing', subject: data });
  const opened = await openStores({ data });
  onTestFinished(() => opened.close());
  expect((await opened.records.list('key', { limit: 1, order: 'asc' })).items).toEqual([]);
});
