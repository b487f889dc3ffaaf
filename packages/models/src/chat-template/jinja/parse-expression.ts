import { checkFilter } from './filters.ts';
import type { Arithmetic, CallArguments, Comparison, Expression } from './syntax.ts';
import { checkTest } from './tests.ts';
import type { TokenStream } from './token-stream.ts';

/**
 * The grammar of Jinja's expressions, from the loosest binding to the tightest (`jinja2.parser`): condition, or, and, not,
 * comparisons, + and -, ~, * / // %, **, signs, then attributes, items and calls, filters and tests.
 */
export function parseExpression(stream: TokenStream, withCondition = true): Expression {
  return stream.nested(() => (withCondition ? condition(stream) : or(stream)));
}

/**
 * One expression, or several with commas between as a tuple.
 *
 * @param ends - whether the tuple ends here, behind a comma
 */
export function parseTuple(
  stream: TokenStream,
  {
    withCondition = true,
    parenthesized = false,
    endName,
  }: { withCondition?: boolean; parenthesized?: boolean; endName?: string } = {},
): Expression {
  const items: Expression[] = [];
  let isTuple = false;
  const ends = () =>
    stream.is('variable_end') ||
    stream.is('block_end') ||
    stream.isOperator(')') ||
    (endName !== undefined && stream.isName(endName));
  while (!ends()) {
    items.push(parseExpression(stream, withCondition));
    if (!stream.takeOperator(',')) break;
    isTuple = true;
  }
  if (!isTuple && items.length === 1) return items[0]!;
  if (!isTuple && !parenthesized) stream.fail('an expression is missing');
  return { kind: 'tuple', items };
}

function condition(stream: TokenStream): Expression {
  let expression = or(stream);
  while (stream.takeName('if')) {
    const test = or(stream);
    const whenFalse = stream.takeName('else') ? stream.nested(() => condition(stream)) : undefined;
    expression = { kind: 'condition', test, whenTrue: expression, whenFalse };
  }
  return expression;
}

function or(stream: TokenStream): Expression {
  let left = and(stream);
  while (stream.takeName('or')) left = { kind: 'logic', operator: 'or', left, right: and(stream) };
  return left;
}

function and(stream: TokenStream): Expression {
  let left = not(stream);
  while (stream.takeName('and')) left = { kind: 'logic', operator: 'and', left, right: not(stream) };
  return left;
}

function not(stream: TokenStream): Expression {
  if (!stream.takeName('not')) return compare(stream);
  return { kind: 'not', operand: stream.nested(() => not(stream)) };
}

const comparisons: readonly Comparison[] = ['==', '!=', '<', '<=', '>', '>='];

function compare(stream: TokenStream): Expression {
  const first = sum(stream);
  const rest: { operator: Comparison; operand: Expression }[] = [];
  for (;;) {
    const operator = comparison(stream);
    if (operator === undefined) break;
    rest.push({ operator, operand: sum(stream) });
  }
  return rest.length === 0 ? first : { kind: 'compare', first, rest };
}

function comparison(stream: TokenStream): Comparison | undefined {
  const operator = comparisons.find((candidate) => stream.takeOperator(candidate));
  if (operator !== undefined) return operator;
  if (stream.takeName('in')) return 'in';
  if (!stream.isName('not') || !stream.isName('in', 1)) return undefined;
  stream.skip(2);
  return 'not in';
}

function binary(
  stream: TokenStream,
  operators: readonly Arithmetic[],
  operand: (stream: TokenStream) => Expression,
): Expression {
  let left = operand(stream);
  for (;;) {
    const operator = operators.find((candidate) => stream.takeOperator(candidate));
    if (operator === undefined) return left;
    left = { kind: 'arithmetic', operator, left, right: operand(stream) };
  }
}

function sum(stream: TokenStream): Expression {
  return binary(stream, ['+', '-'], concatenation);
}

function concatenation(stream: TokenStream): Expression {
  const parts = [product(stream)];
  while (stream.takeOperator('~')) parts.push(product(stream));
  return parts.length === 1 ? parts[0]! : { kind: 'concatenate', parts };
}

function product(stream: TokenStream): Expression {
  return binary(stream, ['*', '/', '//', '%'], power);
}

function power(stream: TokenStream): Expression {
  return binary(stream, ['**'], unary);
}

function unary(stream: TokenStream, withFilters = true): Expression {
  const operator = (['-', '+'] as const).find((candidate) => stream.takeOperator(candidate));
  const signed: Expression =
    operator === undefined
      ? primary(stream)
      : { kind: 'sign', operator, operand: stream.nested(() => unary(stream, false)) };
  const expression = postfix(stream, signed);
  return withFilters ? filtersAndTests(stream, expression) : expression;
}

const constants: Readonly<Record<string, boolean | null>> = {
  true: true,
  false: false,
  none: null,
  True: true,
  False: false,
  None: null,
};

function primary(stream: TokenStream): Expression {
  const token = stream.take();
  if (token.type === 'name') {
    return Object.hasOwn(constants, token.value)
      ? { kind: 'constant', value: constants[token.value]! }
      : { kind: 'name', name: token.value };
  }
  if (token.type === 'string') {
    let value = token.value;
    while (stream.is('string')) value += stream.take().value;
    return { kind: 'constant', value };
  }
  if (token.type === 'integer') return { kind: 'constant', value: stream.integer(token) };
  if (token.type === 'float') return { kind: 'float', value: Number(token.value) };
  if (token.type === 'operator' && token.value === '(') {
    const tuple = parseTuple(stream, { parenthesized: true });
    stream.expectOperator(')');
    return tuple;
  }
  if (token.type === 'operator' && token.value === '[') {
    return { kind: 'list', items: listed(stream, ']', () => parseExpression(stream)) };
  }
  if (token.type === 'operator' && token.value === '{') {
    const entries = listed(stream, '}', () => {
      const key = parseExpression(stream);
      stream.expectOperator(':');
      return [key, parseExpression(stream)] as const;
    });
    return { kind: 'dict', entries };
  }
  return stream.fail(`unexpected ${stream.describe(token)}`);
}

/** What stands between commas, up to the closing bracket; a comma may stand behind the last. */
function listed<Item>(stream: TokenStream, closing: string, item: () => Item): Item[] {
  const items: Item[] = [];
  while (!stream.takeOperator(closing)) {
    if (items.length > 0) stream.expectOperator(',');
    if (items.length > 0 && stream.takeOperator(closing)) break;
    items.push(item());
  }
  return items;
}

function postfix(stream: TokenStream, start: Expression): Expression {
  let expression = start;
  for (;;) {
    if (stream.takeOperator('.')) expression = attribute(stream, expression);
    else if (stream.takeOperator('[')) expression = subscript(stream, expression);
    else if (stream.isOperator('('))
      expression = { kind: 'call', callee: expression, call: callArguments(stream) };
    else return expression;
  }
}

function attribute(stream: TokenStream, object: Expression): Expression {
  const token = stream.take();
  if (token.type === 'name') return { kind: 'attribute', object, name: token.value };
  if (token.type === 'integer') {
    return { kind: 'item', object, key: { kind: 'constant', value: stream.integer(token) } };
  }
  return stream.fail(`a name must stand behind '.', not ${stream.describe(token)}`);
}

function subscript(stream: TokenStream, object: Expression): Expression {
  const part = () => (stream.isOperator(':') || stream.isOperator(']') ? undefined : parseExpression(stream));
  const start = part();
  if (stream.takeOperator(':')) {
    const stop = part();
    const step = stream.takeOperator(':') ? part() : undefined;
    stream.expectOperator(']');
    return { kind: 'slice', object, start, stop, step };
  }
  if (start === undefined) return stream.fail('a subscript is empty');
  stream.expectOperator(']');
  return { kind: 'item', object, key: start };
}

/** Arguments in parentheses. */
function callArguments(stream: TokenStream): CallArguments {
  stream.expectOperator('(');
  const positional: Expression[] = [];
  const named: (readonly [string, Expression])[] = [];
  let rest: Expression | undefined;
  let namedRest: Expression | undefined;
  listed(stream, ')', () => {
    if (stream.takeOperator('**')) {
      if (namedRest !== undefined) stream.fail('two ** arguments');
      namedRest = parseExpression(stream);
    } else if (stream.takeOperator('*')) {
      if (rest !== undefined || namedRest !== undefined) stream.fail("a '*' argument in the wrong place");
      rest = parseExpression(stream);
    } else if (stream.is('name') && stream.isOperator('=', 1)) {
      if (namedRest !== undefined) stream.fail("an argument behind '**'");
      const name = stream.take().value;
      stream.skip(1);
      named.push([name, parseExpression(stream)]);
    } else {
      if (named.length > 0 || rest !== undefined || namedRest !== undefined) {
        stream.fail('an argument without a name behind one with a name');
      }
      positional.push(parseExpression(stream));
    }
  });
  return { positional, named, rest, namedRest };
}

const noArguments: CallArguments = { positional: [], named: [], rest: undefined, namedRest: undefined };

/** A filter's name and arguments, behind '|' or at the start of a block. */
export function parseFilter(stream: TokenStream, operand: Expression | undefined): Expression {
  const name = dottedName(stream);
  checkFilter(name);
  return {
    kind: 'filter',
    operand,
    name,
    call: stream.isOperator('(') ? callArguments(stream) : noArguments,
  };
}

/** Further filters of a block, with '|' between. */
export function parseFilters(stream: TokenStream, first: Expression | undefined): Expression | undefined {
  let filter = first;
  while (stream.takeOperator('|')) filter = parseFilter(stream, filter);
  return filter;
}

function filtersAndTests(stream: TokenStream, start: Expression): Expression {
  let expression = start;
  for (;;) {
    if (stream.takeOperator('|')) expression = parseFilter(stream, expression);
    else if (stream.takeName('is')) expression = test(stream, expression);
    else if (stream.isOperator('('))
      expression = { kind: 'call', callee: expression, call: callArguments(stream) };
    else return expression;
  }
}

function test(stream: TokenStream, operand: Expression): Expression {
  const negated = stream.takeName('not');
  const name = dottedName(stream);
  checkTest(name);
  let call = noArguments;
  if (stream.isOperator('(')) call = callArguments(stream);
  else if (beginsTestArgument(stream)) {
    if (stream.isName('is')) stream.fail("tests cannot be chained with 'is'");
    call = { ...noArguments, positional: [postfix(stream, primary(stream))] };
  }
  const found: Expression = { kind: 'test', operand, name, call };
  return negated ? { kind: 'not', operand: found } : found;
}

function beginsTestArgument(stream: TokenStream): boolean {
  if (['string', 'integer', 'float'].some((type) => stream.is(type))) return true;
  if (stream.isOperator('[') || stream.isOperator('{')) return true;
  return stream.is('name') && !['else', 'or', 'and'].some((word) => stream.isName(word));
}

function dottedName(stream: TokenStream): string {
  let name = stream.expectName();
  while (stream.takeOperator('.')) name += `.${stream.expectName()}`;
  return name;
}
