/** A stream that tells which walk over its examples the item given out last belongs to. */
interface EpochStream {
  /** Counted from 0. */
  readonly epoch: number;
}

/** The epoch of the item that a stream gave out last; undefined for a stream that knows none. */
export function epochOf(stream: object): number | undefined {
  const { epoch } = stream as Partial<EpochStream>;
  return typeof epoch === 'number' ? epoch : undefined;
}

/** The stream, which now tells the epoch that `read` gives. */
export function tellEpoch<S extends object>(stream: S, read: () => number | undefined): S {
  return Object.defineProperty(stream, 'epoch', { get: read, configurable: true });
}

/**
 * Lets a stream that was made from another one tell the other's epochs, by which {@link batchExamples} keeps the examples of
 * two epochs apart. For streams that read one item when they are asked for one, as generators do; the streams of this
 * package do it by themselves.
 *
 * @example
 * async function* marked(source) { for await (const example of source) yield withTag(example, 'mine'); }
 * const stream = withEpochsOf(marked(examples), examples);
 */
export function withEpochsOf<S extends object>(stream: S, source: object): S {
  if (stream === source || 'epoch' in stream || !('epoch' in source)) return stream;
  return tellEpoch(stream, () => epochOf(source));
}
