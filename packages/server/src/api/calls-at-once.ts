import { ApiError } from '../errors.ts';
import type { Route } from './route.ts';

/** Counts the calls that are being answered, where a route bounds those of one tenant. */
export interface CallsAtOnce {
  /** @returns what gives the place back. @throws ApiError 429 when the tenant has as many as it may. */
  take(route: Pick<Route, 'operation' | 'atOnce'>, tenant: string): () => void;
}

export function createCallsAtOnce(): CallsAtOnce {
  const open = new Map<string, number>();
  return {
    take({ operation, atOnce = Number.POSITIVE_INFINITY }, tenant) {
      const name = `${operation} ${tenant}`;
      const count = open.get(name) ?? 0;
      if (count >= atOnce) {
        throw new ApiError(
          429,
          `You have ${count} of these requests under way, as many as you may at once.`,
          {
            code: 'too_many_at_once',
            retryAfter: 2,
          },
        );
      }
      open.set(name, count + 1);
      let isOpen = true;
      return () => {
        if (!isOpen) return;
        isOpen = false;
        const left = open.get(name)! - 1;
        if (left === 0) open.delete(name);
        else open.set(name, left);
      };
    },
  };
}
