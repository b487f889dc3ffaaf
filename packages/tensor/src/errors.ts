import { callSite } from './call-site.ts';
import { printableMessage } from './files/printable.ts';

/**
 * Errors of `@safetune/tensor`. Each class carries a marker, so that `X.isInstance(error)` also holds when two
 * copies of this package are installed, and the facts of the failure as readonly fields.
 */
function carries(error: unknown, marker: symbol): boolean {
  return typeof error === 'object' && error !== null && marker in error;
}

function placed(tracedAt: string | undefined): string {
  return tracedAt === undefined ? '' : ` (traced at ${tracedAt})`;
}

const shapeMarker = Symbol.for('safetune.ShapeError');

/** Shapes or element types that an operation cannot work on; found while tracing, before anything runs. */
export class ShapeError extends Error {
  readonly [shapeMarker] = true;
  /** Name of the operation that refused. */
  readonly operation: string;
  /** Where it was traced: `file:line:column` of the code that called into this package, where that can be told. */
  readonly tracedAt: string | undefined;

  constructor(operation: string, message: string) {
    const tracedAt = callSite();
    super(`${operation}: ${message}${placed(tracedAt)}`);
    this.name = 'ShapeError';
    this.operation = operation;
    this.tracedAt = tracedAt;
  }

  static isInstance(error: unknown): error is ShapeError {
    return carries(error, shapeMarker);
  }
}

const gradientMarker = Symbol.for('safetune.GradientError');

/** A gradient that does not exist: through an operation without a gradient rule, or of a value that is not a scalar. */
export class GradientError extends Error {
  readonly [gradientMarker] = true;
  /** Where it was asked: `file:line:column` of the code that called into this package, where that can be told. */
  readonly tracedAt: string | undefined;

  constructor(message: string) {
    const tracedAt = callSite();
    super(`${message}${placed(tracedAt)}`);
    this.name = 'GradientError';
    this.tracedAt = tracedAt;
  }

  static isInstance(error: unknown): error is GradientError {
    return carries(error, gradientMarker);
  }
}

const compileMarker = Symbol.for('safetune.CompileError');

/** A traced function that cannot become a session: a stray input, a missing weights file, an unknown provider. */
export class CompileError extends Error {
  readonly [compileMarker] = true;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'CompileError';
  }

  static isInstance(error: unknown): error is CompileError {
    return carries(error, compileMarker);
  }
}

const inputMarker = Symbol.for('safetune.InputError');

/** A value given to {@link Executable.run} that does not fit the compiled signature. */
export class InputError extends Error {
  readonly [inputMarker] = true;
  /** Name of the input. */
  readonly input: string;

  constructor(input: string, message: string) {
    super(`input '${input}': ${message}`);
    this.name = 'InputError';
    this.input = input;
  }

  static isInstance(error: unknown): error is InputError {
    return carries(error, inputMarker);
  }
}

const executionMarker = Symbol.for('safetune.ExecutionError');

/** ONNX Runtime failed while running a compiled function: out of memory, an index out of range, a released session. */
export class ExecutionError extends Error {
  readonly [executionMarker] = true;

  constructor(cause: unknown) {
    super(`ONNX Runtime failed while running: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
    this.name = 'ExecutionError';
  }

  static isInstance(error: unknown): error is ExecutionError {
    return carries(error, executionMarker);
  }
}

const inexactIntegersMarker = Symbol.for('safetune.InexactIntegersError');

/** 8-bit weights of a type that the processor and ONNX Runtime do not multiply exactly: results would be wrong in silence. */
export class InexactIntegersError extends Error {
  readonly [inexactIntegersMarker] = true;
  readonly executionProvider: string;
  /** What the weights are; undefined when no type would do. */
  readonly type: 'int8' | 'uint8' | undefined;
  /** The types that are multiplied exactly. */
  readonly exact: readonly ('int8' | 'uint8')[];

  constructor(
    executionProvider: string,
    type: 'int8' | 'uint8' | undefined,
    exact: readonly ('int8' | 'uint8')[],
  ) {
    const what = type === undefined ? '8-bit weights of either type' : `${type} weights`;
    const remedy =
      exact.length === 0
        ? "hold weights as float32 (precision 'float32')"
        : `hold them as ${exact.join(' or ')}, which is exact here (\`integers\` of quantizedCache and of loadModel; without it they choose)`;
    super(
      `ONNX Runtime does not multiply ${what} exactly on this machine (execution provider '${executionProvider}'): ` +
        `sums of products are cut off. What to do: ${remedy}.`,
    );
    this.name = 'InexactIntegersError';
    this.executionProvider = executionProvider;
    this.type = type;
    this.exact = exact;
  }

  static isInstance(error: unknown): error is InexactIntegersError {
    return carries(error, inexactIntegersMarker);
  }
}

const mappedMarker = Symbol.for('safetune.MappedFileError');

/** A weights file that was cut short while a session has it mapped: reading on would end the process (SIGBUS). */
export class MappedFileError extends Error {
  readonly [mappedMarker] = true;
  readonly file: string;

  constructor(file: string, byteLength: number, needed: number) {
    super(
      printableMessage(
        `${file}: the file was cut short to ${byteLength} bytes while it is in use, which needs ${needed}; ` +
          'restore it and load the model again, and replace such files by renaming others to their names',
      ),
    );
    this.name = 'MappedFileError';
    this.file = file;
  }

  static isInstance(error: unknown): error is MappedFileError {
    return carries(error, mappedMarker);
  }
}
