import { ApiError } from '../errors.ts';
import { clientOf } from './client-address.ts';

export interface WrongKeysOptions {
  /** Wrong keys that a client may send within the time. */
  readonly most: number;
  /** Default a minute, which slides. */
  readonly milliseconds?: number;
  /** Clients that are remembered; beyond it, the one whose wrong key was longest ago is forgotten. Default 10 000. */
  readonly clients?: number;
  readonly now?: () => number;
}

/** Counts wrong keys by the address that they come from. Who brings a right one is never asked here. */
export interface WrongKeys {
  /** Counts one. @throws ApiError 429 instead when so many came from there lately. */
  count(address: string): void;
}

export function createWrongKeys({
  most,
  milliseconds = 60_000,
  clients = 10_000,
  now = Date.now,
}: WrongKeysOptions): WrongKeys {
  /** When they came; the client whose last one is longest ago is the first. */
  const seen = new Map<string, readonly number[]>();
  return {
    count(address) {
      const client = clientOf(address);
      const time = now();
      const lately = (seen.get(client) ?? []).filter((at) => at > time - milliseconds);
      // What is refused is not counted: so the wait ends when it was said to, and as much is kept of each as may come.
      if (lately.length >= most) {
        const seconds = Math.ceil((lately[0]! + milliseconds - time) / 1000);
        throw new ApiError(
          429,
          `${most} wrong keys came from your address within ${milliseconds / 1000} seconds. Try again in ${seconds} s; a valid key is taken at once.`,
          { code: 'too_many_wrong_keys', retryAfter: seconds },
        );
      }
      seen.delete(client);
      seen.set(client, [...lately, time]);
      if (seen.size > clients) seen.delete(seen.keys().next().value!);
    },
  };
}
