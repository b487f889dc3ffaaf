/** The room that files and models take together, in both kinds of records. */
import { describe, expect, it } from 'vitest';
import { startFakeWorker } from '../service/__fixtures__/fake-worker.ts';
import { trainingFile, until } from '../service/__fixtures__/test-service.ts';
import { openTwoServers, recordKinds } from '../service/__fixtures__/two-servers.ts';

const full = { status: 400, code: 'storage_quota_exceeded' };

describe.each(recordKinds)('with records in %s', (kind) => {
  it.each(['released', 'quarantined'] as const)(
    'a model that is %s takes room, which is free when it is deleted',
    async (outcome) => {
      const two = await openTwoServers(kind, 'limits: {stored_bytes: 5000}');
      const [here, there] = await two.clients('one');
      const upload = (bytes: number) =>
        here.files.create({ file: trainingFile('a.jsonl', 'x'.repeat(bytes)), purpose: 'fine-tune' });
      const { id: file } = await here.files.create({ file: trainingFile(), purpose: 'fine-tune' });
      const request = { model: 'tiny', training_file: file };
      const job = await here.fineTuning.jobs.create(request);
      const worker = startFakeWorker(two.service, { outcome, adapterBytes: 3000 });
      await until(async () => (await here.fineTuning.jobs.retrieve(job.id)).status === 'succeeded');
      await worker.close();
      const { fine_tuned_model: model } = await here.fineTuning.jobs.retrieve(job.id);
      expect(await two.operator.models.retrieve(model!)).toMatchObject({ bytes: 3000 });
      const { data } = await here.files.list();
      const files = data.reduce((sum, { bytes }) => sum + bytes, 0);
      // Its results too: three files, the upload and two of the job's, and their bytes.
      expect(data).toHaveLength(2);
      const left = 5000 - 3000 - files;
      await expect(upload(left + 1)).rejects.toMatchObject(full);
      const { id: last } = await upload(left);
      await expect(upload(1)).rejects.toMatchObject(full);
      await expect(there.fineTuning.jobs.create(request)).rejects.toMatchObject({
        ...full,
        message: expect.stringContaining('You store 5000 bytes and may store 5000'),
      });
      // What another stores is not in the way.
      const [other] = await two.clients('two');
      await other.files.create({ file: trainingFile('a.jsonl', 'x'.repeat(4000)), purpose: 'fine-tune' });

      expect(await there.models.delete(model!)).toMatchObject({ deleted: true });
      expect(await there.fineTuning.jobs.create(request)).toMatchObject({ status: 'queued' });
      const { id: more } = await upload(3000);
      await expect(upload(1)).rejects.toMatchObject(full);
      for (const one of [last, more]) await here.files.delete(one);
      await upload(left + 3000);
    },
  );
});
