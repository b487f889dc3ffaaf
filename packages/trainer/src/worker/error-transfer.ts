import { inspect } from 'node:util';

/** An error as a plain object that can be cloned into another thread. */
export interface TransferredError {
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  /** Keys of the registered symbols that mark its class, such as `safetune.CompileError`. */
  readonly markers: readonly string[];
  /** Its own fields. */
  readonly fields: Readonly<Record<string, unknown>>;
  readonly cause?: TransferredError;
}

/** What was thrown, with everything that can be cloned; what cannot is described in text. */
export function transferError(thrown: unknown): TransferredError {
  const error = thrown instanceof Error ? thrown : new Error(`not an error was thrown: ${inspect(thrown)}`);
  const symbols = Object.getOwnPropertySymbols(error).map((symbol) => Symbol.keyFor(symbol));
  const { name, message, stack, cause } = error;
  const fields = Object.entries(error).filter(
    ([key]) => !['name', 'message', 'stack', 'cause'].includes(key),
  );
  return {
    name,
    message,
    stack,
    markers: symbols.filter((key) => key !== undefined),
    fields: Object.fromEntries(fields.map(([key, value]) => [key, cloneable(value)])),
    ...(cause === undefined ? {} : { cause: transferError(cause) }),
  };
}

/**
 * The error again: same name, message, stack and fields, and its markers, by which `XError.isInstance(error)` holds.
 * `instanceof` knows nothing of errors from other threads.
 */
export function restoreError({ name, message, stack, markers, fields, cause }: TransferredError): Error {
  const error = new Error(message, cause === undefined ? {} : { cause: restoreError(cause) });
  Object.defineProperty(error, 'name', { value: name, configurable: true, writable: true });
  if (stack !== undefined) error.stack = stack;
  for (const key of markers) Object.defineProperty(error, Symbol.for(key), { value: true, enumerable: true });
  return Object.assign(error, fields);
}

function cloneable(value: unknown): unknown {
  try {
    return structuredClone(value);
  } catch {
    return inspect(value);
  }
}
