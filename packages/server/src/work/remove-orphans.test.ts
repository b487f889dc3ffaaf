import { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import { openTestService, trainingFile } from '../service/__fixtures__/test-service.ts';
import { createOrphanSweep } from './remove-orphans.ts';

it('removes what no record has named for an hour, and nothing else', async () => {
  const { client: clientOf, service } = await openTestService();
  const client = await clientOf('one');
  const file = await client.files.create({ file: trainingFile(), purpose: 'fine-tune' });
  let time = 0;
  const sweep = createOrphanSweep(service, { now: () => time });
  for (const id of ['file-lost', 'file-late-1'])
    await service.storage.put(`files/${id}`, Readable.from(['x']));
  expect(await sweep()).toEqual([]);
  time += 3_599_000;
  expect(await sweep()).toEqual([]);
  const { createdAt, sha256 } = (await service.records.get('file', file.id))!;
  await service.records.insert('file', {
    ...{
      id: 'file-late',
      tenant: 'one',
      createdAt,
      filename: 'late',
      purpose: 'fine-tune',
      bytes: 1,
      sha256,
    },
    // As a worker names the file of an attempt.
    key: 'files/file-late-1',
  });
  await service.storage.put('files/file-new', Readable.from(['x']));
  time += 2000;
  expect(await sweep()).toEqual(['files/file-lost']);
  expect(await service.storage.list('files/')).toEqual(
    ['files/file-late-1', 'files/file-new', `files/${file.id}`].sort(),
  );
});
