import { ApiError } from '../errors.ts';
import type { FileRecord } from '../records/file-record.ts';
import type { JobRecord } from '../records/job-record.ts';
import type { KeyRecord } from '../records/key-record.ts';
import type { ModelRecord } from '../records/model-record.ts';
import type { Records } from '../records/records.ts';

// What is another tenant's is not there, in the same words as what never was.

/** Whether the holder of a key may know of a record. */
export function isVisible(key: KeyRecord, record: { readonly tenant: string }): boolean {
  return key.role === 'operator' || record.tenant === key.tenant;
}

/** @throws ApiError 404 */
export async function visibleFile(records: Records, key: KeyRecord, id: string): Promise<FileRecord> {
  const file = await records.get('file', id);
  if (file === undefined || file.deletedAt !== undefined || !isVisible(key, file)) {
    throw new ApiError(404, `No such File object: ${id}`, { param: 'file_id' });
  }
  return file;
}

/** @throws ApiError 404 */
export async function visibleJob(records: Records, key: KeyRecord, id: string): Promise<JobRecord> {
  const job = await records.get('job', id);
  if (job === undefined || !isVisible(key, job)) {
    throw new ApiError(404, `Could not find fine tune: ${id}`, {
      code: 'fine_tune_not_found',
      param: 'fine_tuning_job_id',
    });
  }
  return job;
}

/** A fine-tune, whatever the gate said of it. @throws ApiError 404 */
export async function visibleModel(records: Records, key: KeyRecord, id: string): Promise<ModelRecord> {
  const model = await records.get('model', id);
  if (model === undefined || model.deletedAt !== undefined || !isVisible(key, model)) throw noSuchModel(id);
  return model;
}

/** Whether a fine-tune is shown to the holder of a key: to a customer what was released, to an operator what is held back too. */
export function isShown(key: KeyRecord, model: ModelRecord): boolean {
  return (
    isVisible(key, model) &&
    model.deletedAt === undefined &&
    (key.role === 'operator' || model.status === 'released')
  );
}

/** A fine-tune that `isShown`. @throws ApiError 404 */
export async function shownModel(records: Records, key: KeyRecord, id: string): Promise<ModelRecord> {
  const model = await records.get('model', id);
  if (model === undefined || !isShown(key, model)) throw noSuchModel(id);
  return model;
}

export function noSuchModel(id: string): ApiError {
  return new ApiError(404, `The model '${id}' does not exist`, { code: 'model_not_found', param: 'model' });
}
