import type { Budget } from './budget.ts';
import { JinjaError, unsupported } from './jinja-error.ts';
import { Dict, DictView, Float, Range, SafeText, Tuple, typeName, Undefined, type Value } from './values.ts';

/** The number that an int, a float or a bool is; undefined for any other value. */
export function numeric(value: Value): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value === 'boolean') return Number(value);
  return value instanceof Float ? value.value : undefined;
}

/** Python's `bool(value)`. */
export function truth(value: Value): boolean {
  if (value === null || value instanceof Undefined) return false;
  if (typeof value === 'string' || Array.isArray(value) || value instanceof Range) return value.length > 0;
  if (value instanceof Tuple) return value.items.length > 0;
  if (value instanceof SafeText) return value.text.length > 0;
  if (value instanceof Dict) return value.size > 0;
  if (value instanceof DictView) return value.dict.size > 0;
  const number = numeric(value);
  return number === undefined || number !== 0;
}

/** Python's `left == right`. */
export function equal(left: Value, right: Value, budget: Budget): boolean {
  budget.step();
  if (typeof left === 'string' && typeof right === 'string') {
    if (left.length !== right.length) return false;
    budget.read(left);
    return left === right;
  }
  if (left instanceof SafeText || right instanceof SafeText) unsupported("comparing what 'safe' gives");
  const [a, b] = [numeric(left), numeric(right)];
  if (a !== undefined || b !== undefined) return a === b;
  if (Array.isArray(left)) return Array.isArray(right) && allEqual(left, right, budget);
  if (left instanceof Tuple) return right instanceof Tuple && allEqual(left.items, right.items, budget);
  if (left instanceof Dict) {
    if (!(right instanceof Dict) || left.size !== right.size) return false;
    return left.entries().every(([key, value]) => {
      const other = right.get(key);
      return other !== undefined && (value === other || equal(value, other, budget));
    });
  }
  if (left instanceof Undefined) return right instanceof Undefined;
  if (left instanceof Range && right instanceof Range) {
    return left.length === right.length && allEqual(members(left), members(right), budget);
  }
  if (left instanceof DictView && right instanceof DictView) unsupported("comparing a dict's views");
  return left === right;
}

/** Lists take one object for equal to itself without asking it. */
function allEqual(left: readonly Value[], right: readonly Value[], budget: Budget): boolean {
  return (
    left.length === right.length &&
    left.every((value, index) => value === right[index] || equal(value, right[index]!, budget))
  );
}

function members(range: Range): number[] {
  return Array.from({ length: range.length }, (_, index) => range.at(index));
}

/** Negative, zero or positive as `left` is less than, equal to or greater than `right`. @throws JinjaError as Python does. */
export function order(left: Value, right: Value, budget: Budget, operator = '<'): number {
  budget.step();
  const [a, b] = [numeric(left), numeric(right)];
  if (a !== undefined && b !== undefined) return a < b ? -1 : a > b ? 1 : a === b ? 0 : Number.NaN;
  if (typeof left === 'string' && typeof right === 'string') return orderOfTexts(left, right, budget);
  if (Array.isArray(left) && Array.isArray(right)) return orderOfItems(left, right, budget);
  if (left instanceof Tuple && right instanceof Tuple) return orderOfItems(left.items, right.items, budget);
  if (left instanceof Undefined) left.fail();
  if (right instanceof Undefined) right.fail();
  throw new JinjaError(
    `'${operator}' not supported between instances of '${typeName(left)}' and '${typeName(right)}'`,
  );
}

/** By code points, as Python; JavaScript goes by UTF-16 units. */
function orderOfTexts(left: string, right: string, budget: Budget): number {
  budget.characters(left.length);
  budget.characters(right.length);
  if (left === right) return 0;
  const [a, b] = [[...left], [...right]];
  const index = a.findIndex((character, at) => character !== b[at]);
  if (index === -1 || index >= b.length) return a.length - b.length;
  return a[index]!.codePointAt(0)! - b[index]!.codePointAt(0)!;
}

function orderOfItems(left: readonly Value[], right: readonly Value[], budget: Budget): number {
  const index = left.findIndex(
    (value, at) => at >= right.length || !(value === right[at] || equal(value, right[at]!, budget)),
  );
  if (index === -1 || index >= right.length) return left.length - right.length;
  return order(left[index]!, right[index]!, budget);
}
