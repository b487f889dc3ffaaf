import { allRecords } from '../records/all-records.ts';
import type { FileRecord } from '../records/file-record.ts';
import { finalStatuses } from '../records/job-record.ts';
import type { ModelRecord } from '../records/model-record.ts';
import type { Service } from '../service.ts';
import { operatorPrefix } from './job-names.ts';

/**
 * Removes a deleted file, unless a job that is not over was made with it; then {@link removeDeleted} does when the job is over. Whoever
 * makes a job looks after its files once more when the job has its record: so there is no moment in which both miss each other.
 *
 * @returns whether it is gone.
 */
export async function removeDeletedFile(service: Service, file: FileRecord): Promise<boolean> {
  if ((await filesInUse(service, file.tenant)).has(file.id)) return false;
  // The record goes last: with it, what is left of a removal that was cut short would not be found again.
  await service.storage.remove(file.key);
  await service.records.remove('file', file.id);
  return true;
}

/** Removes a deleted model with all that is stored of it, and what the gate found of it for the operator. */
export async function removeDeletedModel({ storage, records }: Service, model: ModelRecord): Promise<void> {
  await storage.remove(model.key.endsWith('/') ? model.key : `${model.key}/`);
  await storage.remove(operatorPrefix(model.jobId));
  await records.remove('model', model.id);
}

/** Removes what was deleted and is still there: files that a job needed then, and what a process that died did not get to. */
export async function removeDeleted(service: Service): Promise<void> {
  for await (const file of allRecords(service.records, 'file')) {
    if (file.deletedAt !== undefined) await removeDeletedFile(service, file);
  }
  for await (const model of allRecords(service.records, 'model')) {
    if (model.deletedAt !== undefined) await removeDeletedModel(service, model);
  }
}

/** Ids of the files that jobs of a tenant are still to read. */
async function filesInUse({ records }: Service, tenant: string): Promise<ReadonlySet<string>> {
  const used = new Set<string>();
  for await (const { id } of allRecords(records, 'open-job', tenant)) {
    const job = await records.get('job', id);
    if (job === undefined || finalStatuses.has(job.status)) continue;
    used.add(job.request.training_file);
    if (job.request.validation_file) used.add(job.request.validation_file);
  }
  return used;
}
