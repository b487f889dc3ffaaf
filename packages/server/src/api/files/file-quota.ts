import { ApiError } from '../../errors.ts';
import { allRecords } from '../../records/all-records.ts';
import type { AnsweringService } from '../../service.ts';

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
  { records, policy }: AnsweringService,
  tenant: string,
  fileId?: string,
): Promise<number> {
  const { files: mostFiles, stored_bytes: mostBytes } = policy.limits;
  let [files, bytes] = [0, 0];
  // Deleted ones that a job still reads take their room.
  for await (const file of allRecords(records, 'file', tenant)) {
    if (file.id === fileId) break;
    // What a job leaves is not the tenant's to refuse.
    if (file.purpose === 'fine-tune') files += 1;
    bytes += file.bytes;
  }
  if (files >= mostFiles) {
    throw new ApiError(400, `You have ${files} files, as many as you may. Delete some.`, {
      code: 'file_quota_exceeded',
    });
  }
  if (bytes >= mostBytes) throw storageFull(mostBytes);
  return mostBytes - bytes;
}

export function storageFull(mostBytes: number): ApiError {
  return new ApiError(
    400,
    `With this file you would store more than the ${mostBytes} bytes that you may. Delete files.`,
    {
      code: 'storage_quota_exceeded',
    },
  );
}
