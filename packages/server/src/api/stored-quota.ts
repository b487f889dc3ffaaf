import { ApiError } from '../errors.ts';
import { allRecords } from '../records/all-records.ts';
import type { AnsweringService } from '../service.ts';

// What a tenant stores: its files, those that jobs left among them, and its models, also those that were not released. What is deleted counts
// until it is gone: a job may still read it.

/**
 * The bytes that a tenant may still store; of a file that is there already, what it left the tenant when it came.
 *
 * Two uploads at once may both find room for the last file. So it is asked again when a file has its record: those before it in the order
 * of the records count, and of two one is always first.
 *
 * @param fileId the file that came.
 * @throws ApiError 400 when the tenant has as many files, or bytes, as it may.
 */
export async function roomForFile(
  service: AnsweringService,
  tenant: string,
  fileId?: string,
): Promise<number> {
  const { files: mostFiles, stored_bytes: mostBytes } = service.policy.limits;
  const { uploads, bytes } = await storedOf(service, tenant, fileId);
  if (uploads >= mostFiles) {
    throw new ApiError(400, `You have ${uploads} files, as many as you may. Delete some.`, {
      code: 'file_quota_exceeded',
    });
  }
  if (bytes >= mostBytes) throw storageFull(mostBytes);
  return mostBytes - bytes;
}

/**
 * Looks whether a tenant has room for what a job leaves. How much that will be nobody knows before, and no job is broken for it at its end: so
 * the jobs that are open may lead beyond, and no further one is made then.
 *
 * @throws ApiError 400 when it stores as much as it may.
 */
export async function requireRoomForModel(service: AnsweringService, tenant: string): Promise<void> {
  const most = service.policy.limits.stored_bytes;
  const { bytes } = await storedOf(service, tenant);
  if (bytes < most) return;
  throw new ApiError(
    400,
    `You store ${bytes} bytes and may store ${most}: there is no room for another model. ${whatToDelete}`,
    { code: 'storage_quota_exceeded' },
  );
}

export function storageFull(mostBytes: number): ApiError {
  return new ApiError(
    400,
    `With this file you would store more than the ${mostBytes} bytes that you may. ${whatToDelete}`,
    {
      code: 'storage_quota_exceeded',
    },
  );
}

const whatToDelete = 'Delete files or models, also models that were not released.';

async function storedOf({ records }: AnsweringService, tenant: string, beforeFile?: string) {
  let [uploads, bytes] = [0, 0];
  for await (const file of allRecords(records, 'file', tenant)) {
    if (file.id === beforeFile) break;
    // What a job leaves is not the tenant's to refuse.
    if (file.purpose === 'fine-tune') uploads += 1;
    bytes += file.bytes;
  }
  for await (const model of allRecords(records, 'model', tenant)) bytes += model.bytes ?? 0;
  return { uploads, bytes };
}
