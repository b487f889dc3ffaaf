import { printable, printableMessage } from '../files/printable.ts';

/** Errors of reading and writing `.safetensors` files and checkpoint folders. */
function carries(error: unknown, marker: symbol): boolean {
  return typeof error === 'object' && error !== null && marker in error;
}

const safetensorsMarker = Symbol.for('safetune.SafetensorsError');

/**
 * What is wrong with a `.safetensors` file.
 *
 * - `missing`: there is no such file, or it cannot be opened;
 * - `refused`: it is no regular file, or a link out of its folder;
 * - `truncated`: the file ends before the header's length field, or before the end of a tensor;
 * - `changed`: it held something else when it was read again;
 * - `header-length`: the header is declared longer than the file, or than the format allows (100 MB);
 * - `header-size`: the header lists more tensors than this package reads from one file, or nests deeper than the format;
 * - `header-json`: the header is not UTF-8 JSON, or not an object;
 * - `metadata`: `__metadata__` is not an object of strings;
 * - `entry`: a tensor's entry lacks a dtype, a shape or two byte offsets, or has more than 64 dimensions;
 * - `reversed`: a tensor's data begin after they end;
 * - `byte-length`: a tensor's bytes are not as many as shape and dtype say;
 * - `overlap`: two tensors share bytes;
 * - `gap`: bytes that belong to no tensor, between tensors or after the last.
 */
export type SafetensorsProblem =
  | 'missing'
  | 'refused'
  | 'truncated'
  | 'changed'
  | 'header-length'
  | 'header-size'
  | 'header-json'
  | 'metadata'
  | 'entry'
  | 'reversed'
  | 'byte-length'
  | 'overlap'
  | 'gap';

/** A `.safetensors` file that is absent or violates the format. Nothing of such a file is used. */
export class SafetensorsError extends Error {
  readonly [safetensorsMarker] = true;
  /** Path of the file. */
  readonly file: string;
  /** Name of the tensor at fault; undefined when the whole file is. */
  readonly tensor: string | undefined;
  readonly problem: SafetensorsProblem;

  constructor(
    problem: SafetensorsProblem,
    file: string,
    tensor: string | undefined,
    message: string,
    options?: ErrorOptions,
  ) {
    super(
      printableMessage(`${file}: ${tensor === undefined ? '' : `tensor '${printable(tensor)}': `}${message}`),
      options,
    );
    this.name = 'SafetensorsError';
    this.problem = problem;
    this.file = file;
    this.tensor = tensor;
  }

  static isInstance(error: unknown): error is SafetensorsError {
    return carries(error, safetensorsMarker);
  }
}

const unsupportedMarker = Symbol.for('safetune.UnsupportedDtypeError');

/** A tensor stored in a type this package does not compute with (8-bit floats and the like). Other tensors stay usable. */
export class UnsupportedDtypeError extends Error {
  readonly [unsupportedMarker] = true;
  readonly file: string;
  readonly tensor: string;
  /** The type as the file names it, e.g. `F8_E4M3`. */
  readonly dtype: string;

  constructor(file: string, tensor: string, dtype: string) {
    super(
      printableMessage(
        `${file}: tensor '${printable(tensor)}' is stored as ${printable(dtype)}, which is not supported; ` +
          'convert the checkpoint to F32, F16 or BF16 first',
      ),
    );
    this.name = 'UnsupportedDtypeError';
    this.file = file;
    this.tensor = tensor;
    this.dtype = dtype;
  }

  static isInstance(error: unknown): error is UnsupportedDtypeError {
    return carries(error, unsupportedMarker);
  }
}

const notFoundMarker = Symbol.for('safetune.TensorNotFoundError');

/** A tensor that was asked for by name and is not in the file or checkpoint. */
export class TensorNotFoundError extends Error {
  readonly [notFoundMarker] = true;
  /** Path of the file, or of the checkpoint's folder. */
  readonly file: string;
  readonly tensor: string;

  constructor(file: string, tensor: string) {
    super(printableMessage(`${file}: no tensor is named '${printable(tensor)}'`));
    this.name = 'TensorNotFoundError';
    this.file = file;
    this.tensor = tensor;
  }

  static isInstance(error: unknown): error is TensorNotFoundError {
    return carries(error, notFoundMarker);
  }
}

const checkpointMarker = Symbol.for('safetune.CheckpointError');

/**
 * What is wrong with a checkpoint folder.
 *
 * - `missing`: neither a single file nor an index is there;
 * - `index`: the index is not readable JSON with a `weight_map` of file names inside the folder;
 * - `missing-shard`: the index names a file that is not there;
 * - `missing-tensor`: a shard lacks a tensor the index places in it;
 * - `duplicate-tensor`: two shards hold a tensor of one name;
 * - `too-many`: there are more tensors than any model has.
 */
export type CheckpointProblem =
  | 'missing'
  | 'index'
  | 'missing-shard'
  | 'missing-tensor'
  | 'duplicate-tensor'
  | 'too-many';

/** A checkpoint folder whose parts are missing or do not fit together. */
export class CheckpointError extends Error {
  readonly [checkpointMarker] = true;
  /** The checkpoint's folder. */
  readonly directory: string;
  readonly problem: CheckpointProblem;
  /** File at fault (index or shard), when it is one. */
  readonly file: string | undefined;
  /** Tensor at fault, when it is one. */
  readonly tensor: string | undefined;

  constructor(
    problem: CheckpointProblem,
    directory: string,
    message: string,
    facts: { file?: string; tensor?: string; cause?: unknown } = {},
  ) {
    super(
      printableMessage(`${directory}: ${message}`),
      facts.cause === undefined ? undefined : { cause: facts.cause },
    );
    this.name = 'CheckpointError';
    this.problem = problem;
    this.directory = directory;
    this.file = facts.file;
    this.tensor = facts.tensor;
  }

  static isInstance(error: unknown): error is CheckpointError {
    return carries(error, checkpointMarker);
  }
}

const writeMarker = Symbol.for('safetune.SafetensorsWriteError');

/** A tensor that cannot be written as asked. The target file is left as it was. */
export class SafetensorsWriteError extends Error {
  readonly [writeMarker] = true;
  readonly file: string;
  /** Tensor at fault; undefined when the metadata is. */
  readonly tensor: string | undefined;

  constructor(file: string, tensor: string | undefined, message: string) {
    super(
      printableMessage(`${file}: ${tensor === undefined ? '' : `tensor '${printable(tensor)}': `}${message}`),
    );
    this.name = 'SafetensorsWriteError';
    this.file = file;
    this.tensor = tensor;
  }

  static isInstance(error: unknown): error is SafetensorsWriteError {
    return carries(error, writeMarker);
  }
}
