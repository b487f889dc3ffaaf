import { createHash } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { allRecords } from '../../records/all-records.ts';
import type { JobRecord } from '../../records/job-record.ts';
import type { Service } from '../../service.ts';
import { createOrphanSweep } from '../../work/remove-orphans.ts';

/** What a job that nobody disturbed came to. */
export interface UndisturbedJob {
  readonly adapterSha256: string;
  /** Steps whose metrics were told. */
  readonly steps: readonly number[];
  readonly resultFiles: number;
}

/** @throws Error for a job that made no model, StorageError for one whose model is not there. */
export async function whatItCameTo(service: Service, job: JobRecord): Promise<UndisturbedJob> {
  const model = await service.records.get('model', job.fineTunedModel ?? 'none');
  if (model === undefined)
    throw new Error(`made no model: ${job.status}, ${JSON.stringify(job.error ?? null)}`);
  const hash = createHash('sha256');
  for await (const chunk of await service.storage.read(`${model.key}/adapter_model.safetensors`))
    hash.update(chunk as Buffer);
  const { items } = await service.records.events(job.id, { limit: 1000, order: 'asc' });
  return {
    adapterSha256: hash.digest('hex'),
    steps: items.flatMap(({ type, data }) => (type === 'metrics' ? [Number(data?.step)] : [])),
    resultFiles: job.resultFiles.length,
  };
}

/** What is not as it would be had nobody been killed, one sentence each; of a service whose jobs are all over. */
export async function findDamage(
  service: Service,
  undisturbed: UndisturbedJob,
  accepted: readonly string[],
): Promise<readonly string[]> {
  const { records, queue } = service;
  const damage: string[] = [];
  const jobs: JobRecord[] = [];
  for await (const job of allRecords(records, 'job')) jobs.push(job);
  const known = new Set(jobs.map(({ id }) => id));
  for (const id of accepted) if (!known.has(id)) damage.push(`${id} was accepted and is lost`);
  for (const job of jobs)
    for (const sentence of await damageOf(service, job, undisturbed)) damage.push(`${job.id} ${sentence}`);
  const counts = await queue.counts();
  if (counts.waiting + counts.running > 0) damage.push(`the queue holds ${JSON.stringify(counts)}`);
  for await (const { id } of allRecords(records, 'open-job')) damage.push(`${id} is still held to be open`);
  damage.push(...(await orphans(service)));
  return damage;
}

async function damageOf(
  service: Service,
  job: JobRecord,
  undisturbed: UndisturbedJob,
): Promise<readonly string[]> {
  const damage: string[] = [];
  if (job.status !== 'succeeded') damage.push(`is ${job.status}`);
  if (job.worker !== null || job.state !== null) damage.push('is over, and still has a worker or a state');
  try {
    const came = await whatItCameTo(service, job);
    for (const name of ['adapterSha256', 'steps', 'resultFiles'] as const)
      if (`${came[name]}` !== `${undisturbed[name]}`)
        damage.push(`has other ${name}: ${came[name]} instead of ${undisturbed[name]}`);
  } catch (error) {
    damage.push(`has no whole model: ${(error as Error).message}`);
  }
  const { items } = await service.records.events(job.id, { limit: 1000, order: 'asc' });
  const said = items.flatMap(({ type, message }) =>
    type === 'message' && !message.startsWith('The job goes on') ? [message] : [],
  );
  for (const message of new Set(said))
    if (said.indexOf(message) !== said.lastIndexOf(message)) damage.push(`says twice: ${message}`);
  for (const id of job.resultFiles) {
    const file = await service.records.get('file', id);
    if (file === undefined) damage.push(`names a result file that is not there: ${id}`);
    else
      await service.storage
        .read(file.key)
        .then(text)
        .catch((error: Error) => damage.push(`has lost ${id}: ${error.message}`));
  }
  return damage;
}

/** What is stored and nobody names, after what the service does against that. */
async function orphans(service: Service): Promise<readonly string[]> {
  let now = Date.now();
  const sweep = createOrphanSweep(service, { now: () => now });
  await sweep();
  now += 3_600_000;
  await sweep();
  const [files, models] = [new Set<string>(), new Set<string>()];
  for await (const { key } of allRecords(service.records, 'file')) files.add(key);
  for await (const { key } of allRecords(service.records, 'model')) models.add(key);
  const stored = await service.storage.list('');
  return stored
    .filter((key) => !files.has(key) && !models.has(key.slice(0, key.lastIndexOf('/'))))
    .map((key) => `nobody names ${key} in the storage`);
}
