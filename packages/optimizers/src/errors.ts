const marker = Symbol.for('safetune.OptimizerOptionError');

/** A setting of the optimizer or of the learning rate that has no meaning: a negative rate, a warm-up as long as the run. */
export class OptimizerOptionError extends Error {
  readonly [marker] = true;
  readonly option: string;
  /** What is wrong with it, without its name. */
  readonly problem: string;

  constructor(option: string, problem: string) {
    super(`${option}: ${problem}`);
    this.name = 'OptimizerOptionError';
    this.option = option;
    this.problem = problem;
  }

  static isInstance(error: unknown): error is OptimizerOptionError {
    return typeof error === 'object' && error !== null && marker in error;
  }
}
