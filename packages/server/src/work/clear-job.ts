import type { JobRecord } from '../records/job-record.ts';
import type { Service } from '../service.ts';
import { jobPrefix, modelId, modelPrefix, operatorPrefix } from './job-names.ts';

/**
 * Removes what a job that is over needs no more: the states to go on from, models of attempts that died before a record named them, and
 * where no record came of it what the gate found for the operator. May be done again.
 */
export async function clearJob({ records, storage }: Service, job: JobRecord): Promise<void> {
  await storage.remove(jobPrefix(job.id));
  const prefix = modelPrefix(job.id);
  const kept = (await records.get('model', job.fineTunedModel ?? modelId(job)))?.key;
  const attempts = (await storage.list(prefix)).map((key) => key.slice(prefix.length).split('/')[0]!);
  for (const attempt of new Set(attempts))
    if (`${prefix}${attempt}` !== kept) await storage.remove(`${prefix}${attempt}/`);
  if (kept === undefined) await storage.remove(operatorPrefix(job.id));
}
