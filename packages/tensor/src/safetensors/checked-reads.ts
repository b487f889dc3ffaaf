import { AsyncLocalStorage } from 'node:async_hooks';
import { createHash } from 'node:crypto';
import { SafetensorsError } from './errors.ts';

/** A tensor's bytes in a file. */
interface Place {
  readonly name: string;
  readonly file: string;
  readonly offset: number;
  readonly byteLength: number;
}

/** SHA-256 of tensors' bytes, by the {@link placeOf} them. */
export type ContentDigests = ReadonlyMap<string, string>;

/** Where a region's bytes lie, as a key. */
export function placeOf({ file, offset, byteLength }: Place): string {
  return `${file}:${offset}:${byteLength}`;
}

interface Checks {
  readonly digests: ContentDigests;
  /** Places that were read to their end and found right. */
  readonly done: Set<string>;
}

const checks = new AsyncLocalStorage<Checks>();

/**
 * Runs `action`, in which whatever reads one of these regions through `tensorChunks` must meet the bytes of its digest:
 * a conversion is named by the hash of its sources, and a file swapped between the hash and the conversion would be kept
 * under the name of another.
 *
 * @param action - is given a function to call at its end, which throws when a region was not read at all.
 * @throws SafetensorsError ('changed') from the reading.
 */
export function withCheckedReads<Result>(
  digests: ContentDigests,
  action: (requireAllRead: () => void) => Promise<Result>,
): Promise<Result> {
  const done = new Set<string>();
  return checks.run({ digests, done }, () =>
    action(() => {
      const unread = [...digests.keys()].find((place) => !done.has(place));
      if (unread !== undefined) throw new Error(`the conversion did not read its source ${unread}`);
    }),
  );
}

/** What a reading of the region tells its bytes to; undefined outside of {@link withCheckedReads}. */
export function checkedRead(region: Place): { add(chunk: Uint8Array): void; end(): void } | undefined {
  const current = checks.getStore();
  const expected = current?.digests.get(placeOf(region));
  if (current === undefined || expected === undefined) return undefined;
  const hash = createHash('sha256');
  return {
    add: (chunk) => {
      hash.update(chunk);
    },
    end() {
      if (hash.digest('hex') !== expected) {
        const message = 'the file was changed while it was being converted; load the model again';
        throw new SafetensorsError('changed', region.file, region.name, message);
      }
      current.done.add(placeOf(region));
    },
  };
}
