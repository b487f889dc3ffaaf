const marker = Symbol.for('safetune.ContractViolation');

/** What a check of the contract suite throws: a regularizer that does not do what every regularizer must. */
export class ContractViolation extends Error {
  readonly [marker] = true;
  readonly regularizer: string;
  /** Name of the check, as listed. */
  readonly check: string;

  constructor(regularizer: string, check: string, message: string, options?: ErrorOptions) {
    super(`${regularizer}: ${check}: ${message}`, options);
    this.name = 'ContractViolation';
    this.regularizer = regularizer;
    this.check = check;
  }

  static isInstance(error: unknown): error is ContractViolation {
    return typeof error === 'object' && error !== null && marker in error;
  }
}
