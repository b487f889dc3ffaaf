import type { Budget } from './budget.ts';
import { equal, numeric, order } from './comparing.ts';
import { JinjaError, unsupported } from './jinja-error.ts';
import { text } from './printing.ts';
import { contains } from './sequences.ts';
import {
  Callable,
  Dict,
  DictView,
  Float,
  Iterator,
  Range,
  SafeText,
  Tuple,
  Undefined,
  type Value,
} from './values.ts';

/** Jinja's tests (`value is name(argument)`), by their names. */
export type Test = (value: Value, argument: Value, budget: Budget) => boolean;

const isInteger = (value: Value) => typeof value === 'number';
const isNumber = (value: Value) => numeric(value) !== undefined;
const isIterable = (value: Value) =>
  typeof value === 'string' ||
  Array.isArray(value) ||
  [Tuple, Dict, DictView, Range, Iterator, Undefined].some((type) => value instanceof type);

/** Has a length and items. */
const isSequence = (value: Value) =>
  typeof value === 'string' ||
  Array.isArray(value) ||
  [Tuple, Dict, Range, Undefined].some((type) => value instanceof type);

function remainder(value: Value, divisor: number): number {
  const number = numeric(value);
  if (value instanceof Undefined) value.fail();
  if (number === undefined) throw new JinjaError('a test of remainders needs a number');
  if (divisor === 0) throw new JinjaError('division by zero');
  return number % divisor;
}

/** Of the printed value, as Jinja has it. */
function hasCase(printed: string, right: RegExp, wrong: RegExp): boolean {
  return right.test(printed) && !wrong.test(printed);
}

function same(left: Value, right: Value): boolean {
  if (typeof left === 'string' || typeof left === 'number' || left instanceof Float) {
    unsupported("'sameas' of texts and numbers");
  }
  return left === right;
}

const tests: Readonly<Record<string, Test>> = {
  defined: (value) => !(value instanceof Undefined),
  undefined: (value) => value instanceof Undefined,
  none: (value) => value === null,
  true: (value) => value === true,
  false: (value) => value === false,
  boolean: (value) => typeof value === 'boolean',
  string: (value) => typeof value === 'string',
  integer: isInteger,
  float: (value) => value instanceof Float,
  number: isNumber,
  mapping: (value) => value instanceof Dict,
  sequence: isSequence,
  iterable: isIterable,
  callable: (value) => value instanceof Callable || value instanceof Undefined,
  odd: (value) => remainder(value, 2) !== 0 && Math.abs(remainder(value, 2)) === 1,
  even: (value) => remainder(value, 2) === 0,
  divisibleby: (value, by) => remainder(value, numeric(by) ?? 0) === 0,
  in: (value, container, budget) => contains(container, value, budget),
  eq: equal,
  ne: (value, other, budget) => !equal(value, other, budget),
  lt: (value, other, budget) => order(value, other, budget, '<') < 0,
  le: (value, other, budget) => order(value, other, budget, '<=') <= 0,
  gt: (value, other, budget) => order(value, other, budget, '>') > 0,
  ge: (value, other, budget) => order(value, other, budget, '>=') >= 0,
  sameas: same,
  lower: (value, _argument, budget) =>
    hasCase(text(value, budget), /\p{Lowercase}/u, /[\p{Uppercase}\p{Lt}]/u),
  upper: (value, _argument, budget) =>
    hasCase(text(value, budget), /\p{Uppercase}/u, /[\p{Lowercase}\p{Lt}]/u),
};

const synonyms: Readonly<Record<string, string>> = {
  '==': 'eq',
  equalto: 'eq',
  '!=': 'ne',
  '<': 'lt',
  lessthan: 'lt',
  '<=': 'le',
  '>': 'gt',
  greaterthan: 'gt',
  '>=': 'ge',
};

const withArgument = new Set(['divisibleby', 'in', 'eq', 'ne', 'lt', 'le', 'gt', 'ge', 'sameas']);

/** Refuses a test when the template is read, as Jinja does. @throws JinjaError for one that there is not. */
export function checkTest(name: string): void {
  if (Object.hasOwn(tests, name) || Object.hasOwn(synonyms, name)) return;
  if (name === 'escaped' || name === 'filter' || name === 'test') unsupported(`the test '${name}'`);
  throw new JinjaError(`no test is named '${name}'`);
}

/** Runs a test by its name. @throws JinjaError for one that there is not, or wrong arguments. */
export function runTest(name: string, value: Value, given: readonly Value[], budget: Budget): boolean {
  checkTest(name);
  const known = Object.hasOwn(synonyms, name) ? synonyms[name]! : name;
  const test = tests[known]!;
  if (typeof value === 'string') budget.read(value);
  const wanted = withArgument.has(known) ? 1 : 0;
  if (given.length !== wanted) {
    throw new JinjaError(`the test '${name}' takes ${wanted} arguments, ${given.length} were given`);
  }
  // What 'safe' gives is a text to every test.
  return test(value instanceof SafeText ? value.text : value, given[0] ?? null, budget);
}
