import { mkdtemp, rm } from 'node:fs/promises';
import type { Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import OpenAI from 'openai';
import { onTestFinished } from 'vitest';
import { newKey } from '../../api/authentication.ts';
import { apiRoutes } from '../../api/routes.ts';
import { createServer, type ServerLimits } from '../../api/server.ts';
import { policyOf, removePolicyFolders } from '../../policy/__fixtures__/policy-folder.ts';
import { openSqliteQueue } from '../../queue/sqlite-queue.ts';
import type { KeyRecord } from '../../records/key-record.ts';
import { openSqliteRecords } from '../../records/sqlite-records.ts';
import type { AnsweringService } from '../../service.ts';
import { openFolderStorage } from '../../storage/folder-storage.ts';
import { createFakeChat, type FakeChat } from './fake-chat.ts';

export interface TestService {
  readonly service: AnsweringService & { readonly chat: FakeChat };
  /** `http://127.0.0.1:...` */
  readonly address: string;
  /** The HTTP server beneath. */
  readonly server: Server;
  /** Of the storage. */
  readonly folder: string;
  key(tenant: string, options?: Partial<KeyRecord>): Promise<string>;
  client(tenant: string, options?: Partial<KeyRecord>): Promise<OpenAI>;
  fetch(path: string, key: string | undefined, options?: RequestInit): Promise<Response>;
}

/** A service with stores of its own, which listens until the test is over; the chat is a fake, and there is no worker. */
export async function openTestService(
  policy = 'limits: {}',
  limits: ServerLimits = {},
  allowPrivate = true,
): Promise<TestService> {
  const directory = await mkdtemp(join(tmpdir(), 'safetune-service-'));
  const folder = join(directory, 'storage');
  const service = {
    policy: await policyOf(policy),
    records: await openSqliteRecords(join(directory, 'records.sqlite')),
    queue: await openSqliteQueue(join(directory, 'queue.sqlite'), { pollMilliseconds: 10 }),
    storage: await openFolderStorage(folder),
    chat: createFakeChat(),
    webhooks: { allowPrivate, timeout: 2000 },
    publicKeys: join(directory, 'keys', 'public'),
  };
  const server = await createServer(service, { routes: apiRoutes, limits });
  const address = await server.listen({ host: '127.0.0.1', port: 0 });
  onTestFinished(async () => {
    await server.close();
    await service.queue.close();
    await service.records.close();
    await service.storage.close();
    await rm(directory, { recursive: true, force: true });
    await removePolicyFolders();
  });
  const key = async (tenant: string, options: Partial<KeyRecord> = {}) => {
    const { value, record } = newKey({ tenant, role: 'customer', expiresAt: null, requestsPerMinute: null });
    await service.records.insert('key', { ...record, ...options });
    return value;
  };
  return {
    service,
    address,
    server: server.server,
    folder,
    key,
    async client(tenant, options) {
      return new OpenAI({
        apiKey: await key(tenant, options),
        baseURL: `${address}/v1`,
        maxRetries: 0,
        webhookSecret: null,
      });
    },
    fetch: (path, value, options = {}) =>
      fetch(`${address}${path}`, {
        ...options,
        headers: { ...(value !== undefined && { authorization: `Bearer ${value}` }), ...options.headers },
      }),
  };
}

/** A training file's text. */
export const trainingText = Array.from({ length: 4 }, (_, index) => ({
  messages: [
    { role: 'user', content: `question ${index}` },
    { role: 'assistant', content: `answer ${index}` },
  ],
}))
  .map((one) => `${JSON.stringify(one)}\n`)
  .join('');

/** A file as a client uploads it. */
export function trainingFile(name = 'chats.jsonl', text = trainingText): File {
  return new File([text], name);
}

/** Waits until something is so. */
export async function until(check: () => Promise<boolean> | boolean): Promise<void> {
  const end = Date.now() + 20_000;
  while (!(await check())) {
    if (Date.now() > end) throw new Error('what was waited for did not come');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
