const marker = Symbol.for('safetune.EvidenceError');

/** Something about keys or manifests that stands in the way of evidence. */
export class EvidenceError extends Error {
  readonly [marker] = true;
  /** The file or key that it is about. */
  readonly subject: string;

  constructor(subject: string, message: string, options?: ErrorOptions) {
    super(`${subject}: ${message}`, options);
    this.name = 'EvidenceError';
    this.subject = subject;
  }

  static isInstance(error: unknown): error is EvidenceError {
    return typeof error === 'object' && error !== null && marker in error;
  }
}
