import type { Budget } from './budget.ts';
import { numeric } from './comparing.ts';
import { JinjaError, unsupported } from './jinja-error.ts';
import type { Arithmetic } from './syntax.ts';
import { Float, Tuple, typeName, Undefined, type Value } from './values.ts';

/** `left operator right`, as Python computes it. @throws JinjaError for types that do not go together. */
export function arithmetic(operator: Arithmetic, left: Value, right: Value, budget: Budget): Value {
  if (left instanceof Undefined) left.fail();
  if (right instanceof Undefined) right.fail();
  const [a, b] = [numeric(left), numeric(right)];
  if (a !== undefined && b !== undefined) {
    const isFloat = left instanceof Float || right instanceof Float;
    return isFloat ? new Float(floats(operator, a, b)) : integers(operator, a, b);
  }
  if (operator === '+') {
    if (typeof left === 'string' && typeof right === 'string') {
      budget.characters(left.length + right.length);
      return left + right;
    }
    if (Array.isArray(left) && Array.isArray(right)) {
      budget.step(left.length + right.length);
      return [...left, ...right];
    }
    if (left instanceof Tuple && right instanceof Tuple) {
      budget.step(left.items.length + right.items.length);
      return new Tuple([...left.items, ...right.items]);
    }
  }
  if (operator === '*') {
    if (b !== undefined && !(right instanceof Float)) return repeated(left, b, budget);
    if (a !== undefined && !(left instanceof Float)) return repeated(right, a, budget);
  }
  if (operator === '%' && typeof left === 'string') unsupported("formatting of texts by '%'");
  throw new JinjaError(
    `unsupported operand types for ${operator}: '${typeName(left)}' and '${typeName(right)}'`,
  );
}

function repeated(value: Value, times: number, budget: Budget): Value {
  const count = Math.max(0, times);
  if (typeof value === 'string') {
    budget.characters(value.length * count);
    return value.repeat(count);
  }
  const list = value instanceof Tuple ? value.items : value;
  if (!Array.isArray(list)) throw new JinjaError(`can't multiply '${typeName(value)}' by 'int'`);
  budget.step(list.length * count);
  const all = Array.from({ length: count }, () => list as readonly Value[]).flat();
  return value instanceof Tuple ? new Tuple(all) : all;
}

function integers(operator: Arithmetic, a: number, b: number): Value {
  if (b === 0 && ['/', '//', '%'].includes(operator)) throw new JinjaError('division by zero');
  if (operator === '/') return new Float(a / b);
  if (operator === '**') return power(a, b);
  if (operator === '//') return integer((a - modulo(a, b)) / b);
  return integer(floats(operator, a, b));
}

/** Exact, as Python's; JavaScript's own operator may be off by a digit. */
function power(base: number, exponent: number): number {
  if (exponent < 0) unsupported('negative powers');
  if (Math.abs(base) <= 1)
    return exponent === 0 || base === 1 || (base !== 0 && exponent % 2 === 0) ? 1 : base;
  return exponent > 53
    ? unsupported('integers beyond 2^53')
    : integer(Number(BigInt(base) ** BigInt(exponent)));
}

/** @throws JinjaError beyond 2^53: Python's ints go on, JavaScript's numbers are no longer exact. */
export function integer(value: number): number {
  if (!Number.isSafeInteger(value)) unsupported('integers beyond 2^53');
  // -0 is 0 in Python.
  return value + 0;
}

function floats(operator: Arithmetic, a: number, b: number): number {
  switch (operator) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '**':
      return unsupported('powers of floats');
    default:
      if (b === 0) throw new JinjaError('division by zero');
      if (operator === '/') return a / b;
      return operator === '//' ? floorDivision(a, b) : modulo(a, b);
  }
}

/** As Python computes it, from the remainder: `1 // 0.1` is 9, though `1 / 0.1` rounds to 10. */
function floorDivision(a: number, b: number): number {
  const remainder = a % b;
  const quotient = (a - remainder) / b - (remainder !== 0 && remainder < 0 !== b < 0 ? 1 : 0);
  if (quotient === 0) return a / b < 0 || Object.is(a / b, -0) ? -0 : 0;
  const floor = Math.floor(quotient);
  return quotient - floor > 0.5 ? floor + 1 : floor;
}

/** The remainder with the sign of the divisor. */
function modulo(a: number, b: number): number {
  const remainder = a % b;
  if (remainder === 0) return b < 0 ? -0 : 0;
  return remainder < 0 !== b < 0 ? remainder + b : remainder;
}
