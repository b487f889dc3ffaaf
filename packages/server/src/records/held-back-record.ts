/**
 * A model that the gate held back by what it measured, under the id of its job. It stays when the model is deleted: how often a tenant's
 * models are held back is no affair of the tenant's to undo.
 */
export interface HeldBackRecord {
  /** Of the job. */
  readonly id: string;
  readonly tenant: string;
  /** When the gate said so, Unix time in seconds. */
  readonly createdAt: number;
  readonly model: string;
  readonly outcome: 'quarantined' | 'refused';
  /** The operator who looked at it, from when on it counts no more. Missing: none did. */
  readonly seen?: { readonly keyId: string; readonly at: number; readonly reason: string };
}
