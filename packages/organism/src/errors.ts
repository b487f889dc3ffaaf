const worldMarker = Symbol.for('safetune.WorldError');

/** A question, domain or recipe that does not belong to the organism's world. */
export class WorldError extends Error {
  readonly [worldMarker] = true;
  /** The text or name that was not understood. */
  readonly subject: string;

  constructor(subject: string, message: string) {
    super(`'${subject}': ${message}`);
    this.name = 'WorldError';
    this.subject = subject;
  }

  /** True for a WorldError of this or of another copy of the package. */
  static isInstance(error: unknown): error is WorldError {
    return typeof error === 'object' && error !== null && worldMarker in error;
  }
}
