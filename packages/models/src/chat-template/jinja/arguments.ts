import { numeric } from './comparing.ts';
import { JinjaError } from './jinja-error.ts';
import { type Arguments, Float, typeName, Undefined, type Value } from './values.ts';

/**
 * Arguments by the names of a function's parameters.
 *
 * @throws JinjaError for too many, unknown and doubled ones.
 */
export function byName(
  what: string,
  { positional, named }: Arguments,
  names: readonly string[],
): Partial<Record<string, Value>> {
  if (positional.length > names.length) {
    throw new JinjaError(`${what} takes ${names.length} arguments, ${positional.length} were given`);
  }
  const found: Record<string, Value> = {};
  for (const [index, value] of positional.entries()) found[names[index]!] = value;
  for (const [name, value] of named) {
    if (!names.includes(name)) throw new JinjaError(`${what} has no argument '${name}'`);
    if (name in found) throw new JinjaError(`${what} got two values for '${name}'`);
    found[name] = value;
  }
  return found;
}

/** @throws JinjaError unless it is an int (or a bool, which Python counts as one). */
export function integerArgument(what: string, value: Value): number {
  const number = value instanceof Float ? undefined : numeric(value);
  if (number === undefined) throw new JinjaError(`${what} must be an integer, not ${typeName(value)}`);
  return number;
}

/** @throws JinjaError unless it is a text. */
export function textArgument(what: string, value: Value): string {
  if (typeof value === 'string') return value;
  if (value instanceof Undefined) return value.fail();
  throw new JinjaError(`${what} must be a text, not ${typeName(value)}`);
}
