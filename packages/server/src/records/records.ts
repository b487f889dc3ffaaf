import type { FileRecord } from './file-record.ts';
import type { HeldBackRecord } from './held-back-record.ts';
import type { JobEvent } from './job-event.ts';
import type { JobRecord } from './job-record.ts';
import type { KeyRecord } from './key-record.ts';
import type { ModelRecord } from './model-record.ts';
import type { OpenJobRecord } from './open-job-record.ts';
import type { WebhookDeliveryRecord, WebhookRecord } from './webhook-record.ts';

/** Everything that the service knows, by its kind. A record is plain JSON. */
export interface RecordKinds {
  readonly file: FileRecord;
  readonly job: JobRecord;
  readonly model: ModelRecord;
  readonly key: KeyRecord;
  readonly 'open-job': OpenJobRecord;
  readonly 'held-back': HeldBackRecord;
  readonly webhook: WebhookRecord;
  readonly 'webhook-delivery': WebhookDeliveryRecord;
}

export type RecordKind = keyof RecordKinds;

/** How long the place of a removed record is known, for cursors, in seconds: a day. */
export const placeSeconds = 86_400;

export interface ListOptions {
  /** Only what belongs to this tenant. Default: everything; only the operator may be shown that. */
  readonly tenant?: string;
  /**
   * The id behind which the page begins, also of a record that was removed less than `placeSeconds` ago: who lists a page, removes what is on
   * it and goes on behind it misses nothing. An id that was never there, or is another tenant's, gives an empty page.
   */
  readonly after?: string;
  /** At least 1. */
  readonly limit: number;
  /** By the order of insertion: 'desc' is the newest first. */
  readonly order: 'asc' | 'desc';
}

export interface EventsOptions extends Pick<ListOptions, 'limit' | 'order'> {
  /** The number behind which the page begins. Default: from the first (asc) or the last (desc). */
  readonly after?: number;
}

export interface Page<Item> {
  readonly items: readonly Item[];
  readonly hasMore: boolean;
}

/**
 * What the service knows: files, jobs, models, keys and the events of jobs. Several processes, with Redis several machines, use the same
 * records at once; each change is whole or not there, also when the process dies in it.
 */
export interface Records {
  /** @throws StoreError 'taken' when the id is, 'refused' for an id or a tenant that is empty, too long or holds control characters. */
  insert<Kind extends RecordKind>(kind: Kind, record: RecordKinds[Kind]): Promise<void>;
  get<Kind extends RecordKind>(kind: Kind, id: string): Promise<RecordKinds[Kind] | undefined>;
  /**
   * Replaces a record by what `change` makes of it, and calls it again when somebody else was faster. `change` must not change
   * what it is given; undefined leaves the record as it is.
   *
   * @returns the new record; undefined when it was left, or there is none.
   * @throws StoreError 'refused' when `change` gives it another id or tenant; whatever `change` throws.
   */
  change<Kind extends RecordKind>(
    kind: Kind,
    id: string,
    change: (record: RecordKinds[Kind]) => RecordKinds[Kind] | undefined,
  ): Promise<RecordKinds[Kind] | undefined>;
  /** @returns whether it was there. A job's events go with it. */
  remove(kind: RecordKind, id: string): Promise<boolean>;
  list<Kind extends RecordKind>(kind: Kind, options: ListOptions): Promise<Page<RecordKinds[Kind]>>;
  /** Adds an event to a job's, and gives it its number, counted from 1. @throws StoreError 'missing' when there is no such job. */
  appendEvent(jobId: string, event: Omit<JobEvent, 'number'>): Promise<JobEvent>;
  events(jobId: string, options: EventsOptions): Promise<Page<JobEvent>>;
  close(): Promise<void>;
}
