const marker = Symbol.for('safetune.RunFileError');

/** One thing that is wrong with a run. */
export interface RunProblem {
  /** The line of the file, from 1; undefined for what is not there, or came from elsewhere. */
  readonly line?: number;
  /** What is wrong with what, and what to do. */
  readonly message: string;
}

/** A run file, or the values that go over it, that cannot be meant. Nothing has been read of what they name, nor written. */
export class RunFileError extends Error {
  readonly [marker] = true;
  /** The file; undefined when the values came without one. */
  readonly file: string | undefined;
  readonly problems: readonly RunProblem[];

  constructor(file: string | undefined, problems: readonly RunProblem[], options?: ErrorOptions) {
    const lines = problems.map(({ line, message }) =>
      [
        file === undefined || message.startsWith('--')
          ? ''
          : `${file}${line === undefined ? '' : `:${line}`}: `,
        message,
      ].join(''),
    );
    super(lines.join('\n'), options);
    this.name = 'RunFileError';
    this.file = file;
    this.problems = problems;
  }

  static isInstance(error: unknown): error is RunFileError {
    return typeof error === 'object' && error !== null && marker in error;
  }
}

const changedMarker = Symbol.for('safetune.RunChangedError');

/** A run cannot be repeated, as what it was made of has changed since. No step was taken. */
export class RunChangedError extends Error {
  readonly [changedMarker] = true;
  readonly file: string;
  /** What has changed, by name. */
  readonly changes: readonly string[];

  constructor(file: string, changes: readonly string[]) {
    super(
      `${file} cannot be repeated; changed since it was written: ${changes.join('; ')}. Give what it was made of, ask for something ` +
        'else by options beside the file, or allow it (allowChanged, --allow-changed)',
    );
    this.name = 'RunChangedError';
    this.file = file;
    this.changes = changes;
  }

  static isInstance(error: unknown): error is RunChangedError {
    return typeof error === 'object' && error !== null && changedMarker in error;
  }
}
