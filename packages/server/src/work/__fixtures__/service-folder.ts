import { join } from 'node:path';
import { readPolicy } from '../../policy/read-policy.ts';
import { openSqliteQueue } from '../../queue/sqlite-queue.ts';
import { openSqliteRecords } from '../../records/sqlite-records.ts';
import type { Service } from '../../service.ts';
import { openFolderStorage } from '../../storage/folder-storage.ts';

/** How long a worker that was killed holds its job. */
export const leaseSeconds = 2;

/** The service of a folder with a `policy.yaml`; any process may open it. */
export async function openServiceFolder(folder: string): Promise<Service> {
  return {
    policy: await readPolicy(join(folder, 'policy.yaml')),
    records: await openSqliteRecords(join(folder, 'records.sqlite')),
    queue: await openSqliteQueue(join(folder, 'queue.sqlite'), { leaseSeconds, pollMilliseconds: 50 }),
    storage: await openFolderStorage(join(folder, 'storage')),
  };
}

export async function closeService({ records, queue, storage }: Service): Promise<void> {
  await queue.close();
  await records.close();
  await storage.close();
}
