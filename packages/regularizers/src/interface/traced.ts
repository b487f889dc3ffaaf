import type { Tensor } from '@safetune/tensor';
import { RegularizerOptionError } from '../errors.ts';

/**
 * Makes sure that a hook gave a traced tensor: one that forgets its `return`, waits, or computes numbers of its own gives none.
 *
 * @param what - how the value is told of: `its penalty`
 * @throws RegularizerOptionError
 */
export function requireTensor(regularizer: string, what: string, value: unknown): asserts value is Tensor {
  if (typeof value === 'object' && value !== null && 'node' in value && 'shape' in value) return;
  throw new RegularizerOptionError(regularizer, `${what} is ${shown(value)}, must be a traced tensor`);
}

/** A value that is not what it should be, and what may have happened. */
export function shown(value: unknown): string {
  if (value === undefined) return 'undefined (is there a return?)';
  if (value instanceof Promise) return 'a promise (is it an async function?)';
  if (typeof value === 'object' && value !== null)
    return `an object with ${Object.keys(value).join(', ') || 'no field'}`;
  return typeof value === 'function' ? 'a function (is it called?)' : String(value);
}
