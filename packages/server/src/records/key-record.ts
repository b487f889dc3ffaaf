/** A key of the API. The key itself is shown once, when it is made, and kept nowhere. */
export interface KeyRecord {
  /** `key-...` */
  readonly id: string;
  /** Whose files, jobs and models are seen with it. */
  readonly tenant: string;
  readonly createdAt: number;
  /** What the operator calls it. */
  readonly name?: string;
  /** SHA-256 of the key, in hex: keys are random and long, so that no slow hash is needed. */
  readonly sha256: string;
  /** The first characters of the key, by which a person tells one from another. */
  readonly hint: string;
  /** 'operator' sees all tenants, makes and revokes keys, and releases what the gate holds back. */
  readonly role: 'customer' | 'operator';
  /** From then on it opens nothing; null for never. */
  readonly expiresAt: number | null;
  /** Requests a minute; null: as the policy says. */
  readonly requestsPerMinute: number | null;
}
