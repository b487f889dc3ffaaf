import type { Budget } from './budget.ts';
import { equal } from './comparing.ts';
import { JinjaError } from './jinja-error.ts';
import { Dict, DictView, Iterator, Range, Tuple, typeName, Undefined, type Value } from './values.ts';

/** The items that Python's `iter(value)` gives. @throws JinjaError for what has none. */
export function items(value: Value, budget: Budget): readonly Value[] {
  const found = itemsOf(value, budget);
  budget.step(found.length);
  return found;
}

function itemsOf(value: Value, budget: Budget): readonly Value[] {
  if (Array.isArray(value)) return value;
  if (typeof value === 'string') {
    budget.characters(value.length);
    return [...value];
  }
  if (value instanceof Tuple) return value.items;
  if (value instanceof Dict) return value.keys();
  if (value instanceof DictView) return value.items();
  if (value instanceof Iterator) return value.take();
  if (value instanceof Undefined) return [];
  if (value instanceof Range) {
    budget.step(value.length);
    return Array.from({ length: value.length }, (_, index) => value.at(index));
  }
  throw new JinjaError(`'${typeName(value)}' object is not iterable`);
}

/** Python's `len(value)`: of a text, its code points. */
export function length(value: Value): number {
  if (typeof value === 'string') return codePoints(value);
  if (Array.isArray(value) || value instanceof Range) return value.length;
  if (value instanceof Tuple) return value.items.length;
  if (value instanceof Dict) return value.size;
  if (value instanceof DictView) return value.dict.size;
  if (value instanceof Undefined) return 0;
  throw new JinjaError(`object of type '${typeName(value)}' has no len()`);
}

function codePoints(text: string): number {
  let count = text.length;
  for (let index = 0; index < text.length; index++) {
    if (isLead(text.charCodeAt(index)) && isTrail(text.charCodeAt(index + 1))) count--;
  }
  return count;
}

const isLead = (unit: number) => unit >= 0xd800 && unit < 0xdc00;
const isTrail = (unit: number) => unit >= 0xdc00 && unit < 0xe000;

/** Python's `member in container`. */
export function contains(container: Value, member: Value, budget: Budget): boolean {
  if (typeof container === 'string') {
    budget.read(container);
    if (typeof member === 'string') return container.includes(member);
    if (member instanceof Undefined) member.fail();
    throw new JinjaError(`'in <string>' requires string as left operand, not ${typeName(member)}`);
  }
  if (container instanceof Dict) return container.get(member) !== undefined;
  return items(container, budget).some((item) => item === member || equal(item, member, budget));
}

/** `value[index]` of a list, tuple, range or text; undefined out of its range. */
export function itemAt(value: Value, index: number, budget: Budget): Value | undefined {
  if (value instanceof Range) {
    const at = index < 0 ? index + value.length : index;
    return at >= 0 && at < value.length ? value.at(at) : undefined;
  }
  if (typeof value === 'string') {
    budget.read(value);
    if (!/[\ud800-\udfff]/.test(value)) return value.at(index);
    budget.characters(value.length);
    return [...value].at(index);
  }
  const list = value instanceof Tuple ? value.items : value;
  return Array.isArray(list) ? (list as readonly Value[]).at(index) : undefined;
}

/** `value[start:stop:step]` of a list, tuple, text or range. @throws JinjaError for anything else. */
export function slice(
  value: Value,
  [start, stop, step]: readonly [number | undefined, number | undefined, number | undefined],
  budget: Budget,
): Value {
  const isSliceable =
    typeof value === 'string' || Array.isArray(value) || value instanceof Tuple || value instanceof Range;
  if (value instanceof Undefined) value.fail();
  if (!isSliceable) throw new JinjaError(`'${typeName(value)}' object cannot be sliced`);
  const by = step ?? 1;
  if (by === 0) throw new JinjaError('slice step cannot be zero');
  const all = value instanceof Range ? value : items(value, budget);
  const bound = (at: number | undefined, missing: number): number => {
    if (at === undefined) return missing;
    const low = by < 0 ? -1 : 0;
    const high = by < 0 ? all.length - 1 : all.length;
    return Math.min(high, Math.max(low, at < 0 ? at + all.length : at));
  };
  const from = bound(start, by < 0 ? all.length - 1 : 0);
  const to = bound(stop, by < 0 ? -1 : all.length);
  if (all instanceof Range) return new Range(all.at(from), all.at(to), all.step * by);
  const taken: Value[] = [];
  for (let at = from; by > 0 ? at < to : at > to; at += by) taken.push(all[at]!);
  if (typeof value === 'string') return taken.join('');
  return value instanceof Tuple ? new Tuple(taken) : taken;
}
