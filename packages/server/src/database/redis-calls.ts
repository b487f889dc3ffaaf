import type { Redis } from 'ioredis';
import { StoreError } from '../errors.ts';

/**
 * Calls of Redis that fail as StoreErrors and end when they are closed: a connection that is closed while it is tried again never answers
 * what waits for it.
 */
export class RedisCalls {
  readonly #place: string;
  readonly #connections: readonly Redis[];
  readonly #pending = new Set<(reason: StoreError) => void>();
  #isClosed = false;

  constructor(place: string, connections: readonly Redis[]) {
    this.#place = place;
    this.#connections = connections;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** @throws StoreError 'failed' with what went wrong; the call may have been carried out then. 'closed' when it was closed, also meanwhile. */
  call<Result>(command: () => Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) {
        reject(this.#closed());
        return;
      }
      this.#pending.add(reject);
      command()
        .then(resolve, (cause: Error) => {
          const reason = `does not answer (${cause.message})`;
          reject(new StoreError(this.#place, 'failed', reason, { cause }));
        })
        .finally(() => this.#pending.delete(reject));
    });
  }

  close(): void {
    this.#isClosed = true;
    for (const reject of this.#pending) reject(this.#closed());
    for (const connection of this.#connections) connection.disconnect();
  }

  #closed(): StoreError {
    return new StoreError(this.#place, 'closed', 'was closed');
  }
}
