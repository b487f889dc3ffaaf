/** A value that is not what it should be, and what may have happened. */
export function shown(value: unknown): string {
  if (value === undefined) return 'undefined (is there a return?)';
  if (value instanceof Promise) return 'a promise (is it an async function?)';
  if (typeof value === 'object' && value !== null)
    return `an object with ${Object.keys(value).join(', ') || 'no field'}`;
  return typeof value === 'function' ? 'a function (is it called?)' : String(value);
}
