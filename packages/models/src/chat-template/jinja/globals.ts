import { byName, integerArgument, textArgument } from './arguments.ts';
import { JinjaError, unsupported } from './jinja-error.ts';
import { type Arguments, Callable, Dict, Namespace, Range, typeName, type Value } from './values.ts';

/** Longest range of Jinja's sandbox. */
const longestRange = 100_000;

function range(args: Arguments): Range {
  const given = args.positional.map((value) => integerArgument('an argument of range()', value));
  if (args.named.size > 0 || given.length === 0 || given.length > 3) {
    throw new JinjaError('range() takes one to three arguments');
  }
  const [start, stop, step = 1] = given.length === 1 ? [0, given[0]!] : (given as [number, number, number?]);
  if (step === 0) throw new JinjaError('range() arg 3 must not be zero');
  const found = new Range(start, stop, step);
  if (found.length > longestRange) {
    throw new JinjaError(`Range too big. The sandbox blocks ranges larger than MAX_RANGE (${longestRange}).`);
  }
  return found;
}

function entries(what: string, { positional, named }: Arguments): (readonly [Value, Value])[] {
  const [first, ...more] = positional;
  if (more.length > 0) throw new JinjaError(`${what}() takes one argument`);
  if (first !== undefined && !(first instanceof Dict)) unsupported(`${what}() of something that is no dict`);
  return [...(first?.entries() ?? []), ...named];
}

function namespace(args: Arguments): Namespace {
  const made = new Namespace();
  for (const [name, value] of entries('namespace', args))
    setAttribute(made, textArgument('the name', name), value);
  return made;
}

/** @throws JinjaError for a name that begins with '_', which transformers forbids. */
export function setAttribute(target: Namespace, name: string, value: Value): void {
  if (name.startsWith('_')) throw new JinjaError(`a namespace cannot hold '${name}'`);
  target.attributes.set(name, value);
}

/** What Jinja and transformers define for every template. */
export function globalValues(formatNow: (format: string) => string): ReadonlyMap<string, Value> {
  const functions: Record<string, (args: Arguments) => Value> = {
    range,
    namespace,
    dict: (args) => new Dict(entries('dict', args)),
    raise_exception: (args) => {
      const { message } = byName('raise_exception()', args, ['message']);
      throw new JinjaError(
        typeof message === 'string' ? message : `a message of type '${typeName(message ?? null)}'`,
      );
    },
    strftime_now: (args) =>
      formatNow(textArgument('the format', byName('strftime_now()', args, ['format']).format ?? null)),
    lipsum: () => unsupported('lipsum()'),
    cycler: () => unsupported('cycler()'),
    joiner: () => unsupported('joiner()'),
    self: () => unsupported('self()'),
  };
  return new Map(Object.entries(functions).map(([name, call]) => [name, new Callable(name, call)]));
}
