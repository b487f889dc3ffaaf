import { Readable } from 'node:stream';
import { ApiError } from '../errors.ts';
import { apiErrorOf, errorBody } from './openai-error.ts';

/** How many answers may be streamed at once. */
export interface StreamSlots {
  /** @returns what gives the place back. @throws ApiError 429 when there is none. */
  take(keyId: string): () => void;
}

export function createStreamSlots(most: { readonly ofKey: number; readonly ofAll: number }): StreamSlots {
  const open = new Map<string, number>();
  let all = 0;
  return {
    take(keyId) {
      const ofKey = open.get(keyId) ?? 0;
      if (ofKey >= most.ofKey || all >= most.ofAll) {
        throw new ApiError(429, 'Too many streams are open. Close some, or ask without stream.', {
          code: 'too_many_streams',
        });
      }
      open.set(keyId, ofKey + 1);
      all += 1;
      let isOpen = true;
      return () => {
        if (!isOpen) return;
        isOpen = false;
        all -= 1;
        const left = open.get(keyId)! - 1;
        if (left === 0) open.delete(keyId);
        else open.set(keyId, left);
      };
    },
  };
}

/**
 * Server-sent events of their data. The first is waited for, so that what fails before it is thrown here; a later error is the last
 * event. A comment every now and then shows a client that is gone.
 */
export async function eventStream(
  events: AsyncIterable<string>,
  options: { readonly keepAliveMilliseconds: number; readonly onClose: () => void },
): Promise<Readable> {
  const iterator = events[Symbol.asyncIterator]();
  let first: IteratorResult<string>;
  try {
    first = await iterator.next();
  } catch (error) {
    options.onClose();
    throw error;
  }
  const stream = Readable.from(frames(iterator, first, options.keepAliveMilliseconds), { objectMode: false });
  stream.once('close', () => {
    options.onClose();
    // Where the generator waits, it hears of it from the signal of the call.
    void Promise.resolve(iterator.return?.()).catch(() => undefined);
  });
  return stream;
}

async function* frames(
  iterator: AsyncIterator<string>,
  first: IteratorResult<string>,
  keepAlive: number,
): AsyncGenerator<string> {
  let next: IteratorResult<string> = first;
  while (next.done !== true) {
    yield frame(next.value);
    const coming = iterator.next();
    try {
      while (true) {
        const come = await within(coming, keepAlive);
        if (come !== undefined) {
          next = come;
          break;
        }
        yield ': keep-alive\n\n';
      }
    } catch (error) {
      yield frame(JSON.stringify(errorBody(apiErrorOf(error))));
      return;
    }
  }
}

/** Each line of the data is one of the event's. */
function frame(data: string): string {
  return `data: ${data.replaceAll(/\r\n|\r|\n/g, '\ndata: ')}\n\n`;
}

/** Undefined when it takes longer. */
async function within<Value>(promise: Promise<Value>, milliseconds: number): Promise<Value | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, milliseconds, undefined);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
