/** What a fine-tune made. Its adapter, report and manifest are in the storage. */
export interface ModelRecord {
  /** `ft:<base>:<tenant>:<suffix>:<id>`, the name that the API knows it by. */
  readonly id: string;
  readonly tenant: string;
  readonly createdAt: number;
  readonly jobId: string;
  /** The base model's id in the policy. */
  readonly base: string;
  /** Only a released model answers. A quarantined one waits for the operator; a refused one stays closed. */
  readonly status: 'released' | 'quarantined' | 'refused';
  /** What the operator made of a quarantined one. */
  readonly decision?: { readonly keyId: string; readonly at: number; readonly reason: string };
  /** Prefix in the storage of the adapter's two files, `report.json` and `manifest.json`. */
  readonly key: string;
  /** What its job stored under it. Missing: a service that did not count made it. */
  readonly bytes?: number;
  /** Unix time at which its owner deleted it: it is not there any more, and what is stored of it is being removed. */
  readonly deletedAt?: number;
}
