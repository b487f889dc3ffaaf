import { randomUUID } from 'node:crypto';
import { describe } from 'vitest';
import { s3OptionsOf } from './s3-options.ts';
import { openS3Storage } from './s3-storage.ts';
import { storageContract } from './testing/storage-contract.ts';

// A store that somebody has: its address in SAFETUNE_TEST_STORAGE, as `safetune serve --storage` takes it, the credentials in the environment.
// Everything is under a prefix of its own, and removed at the end.

const address = process.env.SAFETUNE_TEST_STORAGE;

describe.skipIf(!address)(`with a store (${address ?? 'skipped: SAFETUNE_TEST_STORAGE names none'})`, () => {
  storageContract('a storage in S3', async () => {
    const given = s3OptionsOf(address ?? '', process.env);
    const options = { ...given, prefix: [given.prefix, `test-${randomUUID()}`].filter(Boolean).join('/') };
    return {
      open: () => openS3Storage(options),
      opening: `(await import('../s3-storage.ts')).openS3Storage(${JSON.stringify(options)})`,
      remove: async () => {
        const storage = await openS3Storage(options);
        for (const key of await storage.list('')) await storage.remove(key);
        await storage.close();
      },
    };
  });
});
