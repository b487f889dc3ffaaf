const marker = Symbol.for('safetune.NonFiniteError');

/** A matrix with NaN or infinite entries, which has no decomposition. */
export class NonFiniteError extends Error {
  readonly [marker] = true;
  /** Name of the function that refused. */
  readonly operation: string;

  constructor(operation: string, row: number, column: number, value: number) {
    super(`${operation}: entry [${row}, ${column}] is ${value}; the matrix must be finite`);
    this.name = 'NonFiniteError';
    this.operation = operation;
  }

  static isInstance(error: unknown): error is NonFiniteError {
    return typeof error === 'object' && error !== null && marker in error;
  }
}
