/** A file that was uploaded, or that a job left. Its content is in the storage. */
export interface FileRecord {
  /** `file-...` */
  readonly id: string;
  readonly tenant: string;
  /** Unix time in seconds. */
  readonly createdAt: number;
  /** As the client called it; never a path of the service's. */
  readonly filename: string;
  readonly purpose: 'fine-tune' | 'fine-tune-results';
  readonly bytes: number;
  /** SHA-256 of the content, in hex. */
  readonly sha256: string;
  /** Where the content is in the storage. */
  readonly key: string;
  /**
   * Unix time at which its owner deleted it: nobody is shown it from then on. Record and content stay until no job that was made with it
   * is still to be trained, and go then. Missing: it was not deleted.
   */
  readonly deletedAt?: number;
}
