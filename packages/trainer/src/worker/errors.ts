const workerMarker = Symbol.for('safetune.WorkerThreadError');

/** A worker thread that could not be given its task, or that ended without an answer: out of memory, or deaf to an abort. */
export class WorkerThreadError extends Error {
  readonly [workerMarker] = true;
  /** What it was asked: 'train', 'generate', ... */
  readonly method: string;

  constructor(method: string, message: string, options?: ErrorOptions) {
    super(`worker thread, ${method}: ${message}`, options);
    this.name = 'WorkerThreadError';
    this.method = method;
  }

  static isInstance(error: unknown): error is WorkerThreadError {
    return typeof error === 'object' && error !== null && workerMarker in error;
  }
}
