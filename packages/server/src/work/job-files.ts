import type { StoredContent } from '../storage/storage.ts';
import type { StorageAnswer, StorageCall } from './job-message.ts';

/** The storage as the process of a job sees it. */
export interface JobFiles {
  put(key: string, path: string): Promise<StoredContent>;
  fetch(key: string, path: string): Promise<void>;
  list(prefix: string): Promise<readonly string[]>;
}

type Unnumbered<Call> = Call extends unknown ? Omit<Call, 'call'> : never;

/** {@link JobFiles} that ask the worker. `answer` takes what it says. */
export function createJobFiles(send: (call: StorageCall) => void): {
  readonly files: JobFiles;
  answer(answer: StorageAnswer): void;
} {
  const waiting = new Map<number, PromiseWithResolvers<Extract<StorageAnswer, { type: 'stored' }>>>();
  let calls = 0;
  const ask = (call: Unnumbered<StorageCall>) => {
    const number = calls++;
    const answered = Promise.withResolvers<Extract<StorageAnswer, { type: 'stored' }>>();
    waiting.set(number, answered);
    send({ ...call, call: number } as StorageCall);
    return answered.promise;
  };
  return {
    files: {
      async put(key, path) {
        return (await ask({ type: 'put', key, path })).content!;
      },
      async fetch(key, path) {
        await ask({ type: 'fetch', key, path });
      },
      async list(prefix) {
        return (await ask({ type: 'list', prefix })).keys;
      },
    },
    answer(answer) {
      const call = waiting.get(answer.call);
      waiting.delete(answer.call);
      if (answer.type === 'stored') call?.resolve(answer);
      else call?.reject(new Error(answer.message));
    },
  };
}
