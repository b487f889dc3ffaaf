import { byName, integerArgument, textArgument } from './arguments.ts';
import { arithmetic } from './arithmetic.ts';
import type { Budget } from './budget.ts';
import { numeric, order, truth } from './comparing.ts';
import { JinjaError, unsupported } from './jinja-error.ts';
import { toJson } from './json.ts';
import { item } from './members.ts';
import { text } from './printing.ts';
import { items, length } from './sequences.ts';
import { runTest } from './tests.ts';
import { capitalize, replace, splitLines, strip } from './text-methods.ts';
import {
  type Arguments,
  Dict,
  DictView,
  Float,
  Iterator,
  SafeText,
  type Tuple,
  typeName,
  Undefined,
  type Value,
} from './values.ts';
import { whitespace } from './whitespace.ts';

/** A filter of Jinja (`value | name(arguments)`). */
type Filter = (value: Value, args: Arguments, budget: Budget) => Value;

/** `attribute='a.b.0'` of a filter: looks into items, one part after another. */
function lookedUp(value: Value, path: Value, budget: Budget): Value {
  const parts = typeof path === 'string' ? path.split('.') : [path];
  return parts.reduce<Value>(
    (inner, part) =>
      item(inner, typeof part === 'string' && /^\d+$/.test(part) ? Number(part) : part, budget),
    value,
  );
}

/** What texts are sorted and compared by, unless case counts. */
function folded(value: Value, caseCounts: Value | undefined): Value {
  return typeof value === 'string' && !truth(caseCounts ?? false) ? value.toLowerCase() : value;
}

function sortedBy(
  values: readonly Value[],
  key: (value: Value) => Value,
  reverse: Value | undefined,
  budget: Budget,
): Value[] {
  const direction = truth(reverse ?? false) ? -1 : 1;
  return values
    .map((value) => [key(value), value] as const)
    .sort(([left], [right]) => direction * order(left, right, budget))
    .map(([, value]) => value);
}

function sort(value: Value, args: Arguments, budget: Budget): Value {
  const given = byName('sort', args, ['reverse', 'case_sensitive', 'attribute']);
  const path = given.attribute ?? null;
  if (typeof path === 'string' && path.includes(',')) unsupported('sort by several attributes');
  const key = (one: Value) => folded(path === null ? one : lookedUp(one, path, budget), given.case_sensitive);
  return sortedBy(items(value, budget), key, given.reverse, budget);
}

function dictsort(value: Value, args: Arguments, budget: Budget): Value {
  const given = byName('dictsort', args, ['case_sensitive', 'by', 'reverse']);
  if (!(value instanceof Dict)) throw new JinjaError('dictsort needs a dict');
  const by = given.by ?? 'key';
  if (by !== 'key' && by !== 'value') throw new JinjaError("dictsort sorts by 'key' or 'value'");
  const pairs = new DictView('items', value).items() as Tuple[];
  const key = (pair: Value) => folded((pair as Tuple).items[by === 'key' ? 0 : 1]!, given.case_sensitive);
  return sortedBy(pairs, key, given.reverse, budget);
}

function extreme(which: 'min' | 'max'): Filter {
  return (value, args, budget) => {
    const given = byName(which, args, ['case_sensitive', 'attribute']);
    const key = (one: Value) =>
      folded(given.attribute == null ? one : lookedUp(one, given.attribute, budget), given.case_sensitive);
    const all = items(value, budget);
    if (all.length === 0) return new Undefined('the extreme of an empty sequence');
    const better = (left: Value, right: Value) => {
      const found = order(key(left), key(right), budget);
      return which === 'min' ? found < 0 : found > 0;
    };
    return all.reduce((best, one) => (better(one, best) ? one : best));
  };
}

function unique(value: Value, args: Arguments, budget: Budget): Value {
  const given = byName('unique', args, ['case_sensitive', 'attribute']);
  const seen = new Dict();
  const kept = items(value, budget).filter((one) => {
    const key = folded(
      given.attribute == null ? one : lookedUp(one, given.attribute, budget),
      given.case_sensitive,
    );
    if (seen.get(key) !== undefined) return false;
    seen.set(key, true);
    return true;
  });
  return new Iterator(kept);
}

/** `map('upper')`, `map('default', 'x')`, `map(attribute='role', default='')`. */
function map(value: Value, { positional, named }: Arguments, budget: Budget): Value {
  if (!truth(value)) return new Iterator([]);
  const all = items(value, budget);
  const path = named.get('attribute');
  if (positional.length === 0 && path !== undefined) {
    const otherwise = named.get('default');
    if ([...named.keys()].some((name) => name !== 'attribute' && name !== 'default')) {
      throw new JinjaError('map: unexpected argument');
    }
    return new Iterator(
      all.map((one) => {
        const found = lookedUp(one, path, budget);
        return found instanceof Undefined && otherwise !== undefined ? otherwise : found;
      }),
    );
  }
  if (positional.length === 0) throw new JinjaError('map needs a filter or an attribute');
  const name = textArgument("map's filter", positional[0]!);
  const rest = { positional: positional.slice(1), named };
  return new Iterator(all.map((one) => runFilter(name, one, rest, budget)));
}

function selection(keep: boolean, byAttribute: boolean): Filter {
  return (value, { positional, named }, budget) => {
    if (!truth(value)) return new Iterator([]);
    if (named.size > 0) unsupported('named arguments of tests');
    const [path, ...testArguments] = byAttribute ? positional : [null, ...positional];
    if (path === undefined) throw new JinjaError('an attribute to select by is missing');
    const [name, ...rest] = testArguments;
    const chosen = items(value, budget).filter((one) => {
      const tested = byAttribute ? lookedUp(one, path, budget) : one;
      const holds =
        name === undefined ? truth(tested) : runTest(textArgument('the test', name), tested, rest, budget);
      return holds === keep;
    });
    return new Iterator(chosen);
  };
}

function join(value: Value, args: Arguments, budget: Budget): string {
  const given = byName('join', args, ['d', 'attribute']);
  const path = given.attribute ?? null;
  const parts = items(value, budget).map((one) =>
    text(path === null ? one : lookedUp(one, path, budget), budget),
  );
  const separator = given.d === undefined ? '' : text(given.d, budget);
  budget.characters(parts.reduce((sum, part) => sum + part.length + separator.length, 0));
  return parts.join(separator);
}

function indent(value: Value, args: Arguments, budget: Budget): string {
  const given = byName('indent', args, ['width', 'first', 'blank']);
  const width = given.width ?? 4;
  const space =
    typeof width === 'string' ? width : ' '.repeat(Math.min(1000, integerArgument('width', width)));
  const lines = splitLines(`${textArgument('what is indented', value)}\n`);
  budget.characters(text(value, budget).length + lines.length * (space.length + 1));
  const blank = truth(given.blank ?? false);
  const indented = lines.map((line, index) => (index > 0 && (blank || line !== '') ? space + line : line));
  return (truth(given.first ?? false) ? space : '') + indented.join('\n');
}

/** What stands before a word, to the filter `title`. */
const wordStarts = new RegExp(`((?:[-({[<]|${whitespace})+)`);

function title(value: Value, budget: Budget): string {
  return text(value, budget)
    .split(wordStarts)
    .map((part) => {
      const [first = '', ...rest] = part;
      return first.toUpperCase() + rest.join('').toLowerCase();
    })
    .join('');
}

function toInteger(value: Value, args: Arguments): Value {
  const given = byName('int', args, ['default', 'base']);
  if (given.base !== undefined && given.base !== 10) unsupported('int with a base');
  const { default: otherwise = 0 } = given;
  const number = numeric(value);
  if (number !== undefined) return Number.isFinite(number) ? whole(number) : otherwise;
  if (value instanceof Undefined) value.fail();
  if (typeof value !== 'string') return otherwise;
  const parsed = parseFloatText(value);
  return parsed === undefined || !Number.isFinite(parsed) ? otherwise : whole(parsed);
}

function whole(number: number): number {
  const truncated = Math.trunc(number);
  if (!Number.isSafeInteger(truncated)) unsupported('integers beyond 2^53');
  return truncated + 0;
}

function toFloat(value: Value, args: Arguments): Value {
  const { default: otherwise = new Float(0) } = byName('float', args, ['default']);
  if (value instanceof Undefined) value.fail();
  const number = numeric(value) ?? (typeof value === 'string' ? parseFloatText(value) : undefined);
  return number === undefined ? otherwise : new Float(number);
}

/** Python's `float(text)`, as far as it is written in ASCII digits. */
function parseFloatText(value: string): number | undefined {
  const trimmed = strip(value, undefined, 'both');
  if (/[^\x20-\x7e]/.test(trimmed)) {
    if (/(?![0-9])\p{Nd}/u.test(trimmed)) unsupported('numbers in digits other than 0 to 9');
    return undefined;
  }
  if (
    /^[+-]?(\d+(_\d+)*)?(\.(\d+(_\d+)*)?)?(e[+-]?\d+(_\d+)*)?$/i.test(trimmed) &&
    /\d/.test(trimmed.split(/e/i)[0]!)
  ) {
    return Number(trimmed.replaceAll('_', ''));
  }
  const special = /^([+-]?)(inf(?:inity)?|nan)$/i.exec(trimmed);
  if (special === null) return undefined;
  return special[2]!.toLowerCase() === 'nan' ? Number.NaN : special[1] === '-' ? -Infinity : Infinity;
}

function round(value: Value, args: Arguments): Value {
  const given = byName('round', args, ['precision', 'method']);
  const method = given.method ?? 'common';
  if (numeric(given.precision ?? 0) !== 0) unsupported('round to digits behind the point');
  const number = numeric(value);
  if (number === undefined) throw new JinjaError(`round needs a number, not ${typeName(value)}`);
  if (method === 'ceil') return new Float(Math.ceil(number) + 0);
  if (method === 'floor') return new Float(Math.floor(number));
  if (method !== 'common') throw new JinjaError("round's method must be common, ceil or floor");
  if (!(value instanceof Float)) return number;
  const down = Math.floor(number);
  const half = number - down === 0.5;
  const nearest = half ? (down % 2 === 0 ? down : down + 1) : Math.round(number);
  return new Float(nearest === 0 && number < 0 ? -0 : nearest);
}

function sum(value: Value, args: Arguments, budget: Budget): Value {
  const given = byName('sum', args, ['attribute', 'start']);
  return items(value, budget)
    .map((one) => (given.attribute == null ? one : lookedUp(one, given.attribute, budget)))
    .reduce<Value>((total, one) => {
      // Newer Pythons add floats up with less error than older ones.
      if (one instanceof Float) unsupported('the sum of floats');
      return arithmetic('+', total, one, budget);
    }, given.start ?? 0);
}

function otherwise(value: Value, args: Arguments): Value {
  const given = byName('default', args, ['default_value', 'boolean']);
  const counts = value instanceof Undefined || (truth(given.boolean ?? false) && !truth(value));
  return counts ? (given.default_value === undefined ? '' : given.default_value) : value;
}

function reverse(value: Value, budget: Budget): Value {
  if (typeof value === 'string') return [...value].reverse().join('');
  if (value instanceof Iterator) unsupported('reverse of a generator');
  return new Iterator([...items(value, budget)].reverse());
}

const ofText =
  (change: (value: string) => string): Filter =>
  (value, args, budget) => {
    byName('the filter', args, []);
    const given = text(value, budget);
    budget.characters(given.length);
    return change(given);
  };

/** An argument that Jinja makes a text of. */
const argument = (value: Value | undefined, budget: Budget): string =>
  value === undefined ? '' : text(value, budget);

const filters: Readonly<Record<string, Filter>> = {
  abs: (value) => {
    const number = numeric(value);
    if (number === undefined) throw new JinjaError(`abs needs a number, not ${typeName(value)}`);
    return value instanceof Float ? new Float(Math.abs(number)) : Math.abs(number);
  },
  capitalize: ofText(capitalize),
  default: otherwise,
  dictsort,
  first: (value, _args, budget) => {
    const first = value instanceof Iterator ? value.next() : items(value, budget)[0];
    return first === undefined ? new Undefined('the first of an empty sequence') : first;
  },
  float: toFloat,
  indent,
  int: toInteger,
  items: (value) => {
    if (value instanceof Undefined) return new Iterator([]);
    if (!(value instanceof Dict)) throw new JinjaError('Can only get item pairs from a mapping.');
    return new Iterator(new DictView('items', value).items());
  },
  join,
  last: (value, _args, budget) => {
    if (value instanceof Iterator) unsupported('last of a generator');
    const last = items(value, budget).at(-1);
    return last === undefined ? new Undefined('the last of an empty sequence') : last;
  },
  length: (value) => length(value),
  list: (value, _args, budget) => [...items(value, budget)],
  lower: ofText((value) => value.toLowerCase()),
  map,
  max: extreme('max'),
  min: extreme('min'),
  reject: selection(false, false),
  rejectattr: selection(false, true),
  replace: (value, args, budget) => {
    const { old, new: by, count = null } = byName('replace', args, ['old', 'new', 'count']);
    const most = count === null ? -1 : integerArgument('the count', count);
    return replace(text(value, budget), argument(old, budget), argument(by, budget), most, budget);
  },
  reverse: (value, _args, budget) => reverse(value, budget),
  round,
  safe: (value, _args, budget) => new SafeText(text(value, budget)),
  select: selection(true, false),
  selectattr: selection(true, true),
  sort,
  string: (value, _args, budget) => (value instanceof SafeText ? value : text(value, budget)),
  sum,
  title: (value, _args, budget) => title(value, budget),
  tojson: toJson,
  trim: (value, args, budget) => strip(text(value, budget), byName('trim', args, ['chars']).chars, 'both'),
  unique,
  upper: ofText((value) => value.toUpperCase()),
};

/** Filters that take what 'safe' gives. */
const afterSafe = new Set(['safe', 'string', 'default']);

const synonyms: Readonly<Record<string, string>> = { d: 'default', count: 'length' };

/** Filters that Jinja has and a template here has not. */
const missing = new Set(
  (
    'attr batch center e escape filesizeformat forceescape format groupby pprint random slice striptags ' +
    'truncate urlencode urlize wordcount wordwrap xmlattr'
  ).split(' '),
);

/** Refuses a filter when the template is read, as Jinja does. @throws JinjaError for one that there is not. */
export function checkFilter(name: string): void {
  if (Object.hasOwn(filters, name) || Object.hasOwn(synonyms, name)) return;
  if (missing.has(name)) unsupported(`the filter '${name}'`);
  throw new JinjaError(`no filter is named '${name}'`);
}

/** Applies a filter by its name. @throws JinjaError for one that there is not, and for wrong arguments. */
export function runFilter(name: string, value: Value, args: Arguments, budget: Budget): Value {
  const known = Object.hasOwn(synonyms, name) ? synonyms[name]! : name;
  if (typeof value === 'string') budget.read(value);
  checkFilter(name);
  if (value instanceof SafeText && !afterSafe.has(known)) unsupported(`the filter '${name}' behind 'safe'`);
  return filters[known]!(value, args, budget);
}
