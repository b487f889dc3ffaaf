import { integerArgument, textArgument } from './arguments.ts';
import { arithmetic, integer } from './arithmetic.ts';
import type { Budget } from './budget.ts';
import { equal, numeric, order, truth } from './comparing.ts';
import { runFilter } from './filters.ts';
import { JinjaError, unsupported } from './jinja-error.ts';
import { recursion } from './loop.ts';
import { attribute, item } from './members.ts';
import { text } from './printing.ts';
import type { Scope } from './scope.ts';
import { contains, items, slice } from './sequences.ts';
import type { CallArguments, Comparison, Expression } from './syntax.ts';
import { runTest } from './tests.ts';
import {
  type Arguments,
  Callable,
  Dict,
  Float,
  Namespace,
  Tuple,
  typeName,
  Undefined,
  type Value,
} from './values.ts';

/** The value of an expression. `operand` is the text of a filter block. @throws JinjaError */
export function evaluate(expression: Expression, scope: Scope, budget: Budget, operand?: string): Value {
  budget.step();
  const of = (inner: Expression) => evaluate(inner, scope, budget, operand);
  switch (expression.kind) {
    case 'constant':
      return expression.value;
    case 'float':
      return new Float(expression.value);
    case 'name':
      return named(expression.name, scope);
    case 'list':
      return expression.items.map(of);
    case 'tuple':
      return new Tuple(expression.items.map(of));
    case 'dict':
      return new Dict(expression.entries.map(([key, value]) => [of(key), of(value)] as const));
    case 'attribute':
      return attribute(of(expression.object), expression.name, budget);
    case 'item':
      return item(of(expression.object), of(expression.key), budget);
    case 'slice': {
      const bound = (part: Expression | undefined) => {
        const value = part === undefined ? null : of(part);
        return value === null ? undefined : integerArgument('a bound of a slice', value);
      };
      const object = of(expression.object);
      return slice(object, [bound(expression.start), bound(expression.stop), bound(expression.step)], budget);
    }
    case 'call':
      return call(of(expression.callee), evaluateArguments(expression.call, of, budget), budget);
    case 'filter': {
      const value = expression.operand === undefined ? (operand ?? '') : of(expression.operand);
      return runFilter(expression.name, value, evaluateArguments(expression.call, of, budget), budget);
    }
    case 'test': {
      const { positional, named: byName } = evaluateArguments(expression.call, of, budget);
      if (byName.size > 0) unsupported('named arguments of tests');
      return runTest(expression.name, of(expression.operand), positional, budget);
    }
    case 'not':
      return !truth(of(expression.operand));
    case 'sign':
      return signed(expression.operator, of(expression.operand));
    case 'logic': {
      const left = of(expression.left);
      return truth(left) === (expression.operator === 'or') ? left : of(expression.right);
    }
    case 'compare':
      return compare(expression, of, budget);
    case 'concatenate': {
      const parts = expression.parts.map((part) => text(of(part), budget));
      budget.characters(parts.reduce((sum, part) => sum + part.length, 0));
      return parts.join('');
    }
    case 'arithmetic':
      return arithmetic(expression.operator, of(expression.left), of(expression.right), budget);
    case 'condition':
      if (truth(of(expression.test))) return of(expression.whenTrue);
      return expression.whenFalse === undefined
        ? new Undefined('a condition without an else')
        : of(expression.whenFalse);
  }
}

/** None is a value; only a name that nothing defines is undefined. */
function named(name: string, scope: Scope): Value {
  const value = scope.get(name);
  return value === undefined ? new Undefined(`'${name}'`) : value;
}

function evaluateArguments(call: CallArguments, of: (inner: Expression) => Value, budget: Budget): Arguments {
  const positional = call.positional.map(of);
  const named = new Map(call.named.map(([name, value]) => [name, of(value)]));
  if (call.rest !== undefined) positional.push(...items(of(call.rest), budget));
  if (call.namedRest !== undefined) {
    const rest = of(call.namedRest);
    if (!(rest instanceof Dict)) throw new JinjaError("argument after '**' must be a dict");
    for (const [name, value] of rest.entries()) named.set(textArgument("a name behind '**'", name), value);
  }
  return { positional, named };
}

/** Calls a function, a method, a macro, or `loop` in a recursive loop. */
export function call(callee: Value, args: Arguments, budget: Budget): Value {
  const found = callee instanceof Namespace ? callee.attributes.get(recursion) : callee;
  if (found instanceof Callable) return budget.call(() => found.call(args));
  if (callee instanceof Undefined) callee.fail();
  throw new JinjaError(`'${typeName(callee)}' object cannot be called`);
}

function signed(operator: '-' | '+', value: Value): Value {
  const number = numeric(value);
  if (value instanceof Undefined) value.fail();
  if (number === undefined) throw new JinjaError(`bad operand type for unary ${operator}`);
  const result = operator === '-' ? -number : number;
  return value instanceof Float ? new Float(result) : integer(result);
}

function compare(
  { first, rest }: Extract<Expression, { kind: 'compare' }>,
  of: (inner: Expression) => Value,
  budget: Budget,
): boolean {
  let left = of(first);
  for (const { operator, operand } of rest) {
    const right = of(operand);
    if (!holds(operator, left, right, budget)) return false;
    left = right;
  }
  return true;
}

function holds(operator: Comparison, left: Value, right: Value, budget: Budget): boolean {
  switch (operator) {
    case '==':
      return equal(left, right, budget);
    case '!=':
      return !equal(left, right, budget);
    case 'in':
      return contains(right, left, budget);
    case 'not in':
      return !contains(right, left, budget);
    case '<':
      return order(left, right, budget, operator) < 0;
    case '<=':
      return order(left, right, budget, operator) <= 0;
    case '>':
      return order(left, right, budget, operator) > 0;
    case '>=':
      return order(left, right, budget, operator) >= 0;
  }
}
