import type { Policy } from './policy/policy-schema.ts';
import type { Queue } from './queue/queue.ts';
import type { Records } from './records/records.ts';
import type { Chat } from './serving/chat.ts';
import type { Storage } from './storage/storage.ts';
import type { WebhookSending } from './webhooks/send-webhook.ts';

/** What everything in the service works with: the API, its page, the workers. */
export interface Service {
  readonly policy: Policy;
  readonly records: Records;
  readonly queue: Queue;
  readonly storage: Storage;
}

/** A process that also answers requests. */
export interface AnsweringService extends Service {
  readonly chat: Chat;
  readonly webhooks: WebhookSending;
  /** Folder of the public keys that manifests are verified with; it may not be there. */
  readonly publicKeys: string;
}
