import { hiddenNames } from './hidden-names.ts';
import { unsupported } from './jinja-error.ts';
import { tokens } from './lexer.ts';
import { namesUsed } from './names-used.ts';
import { parseExpression, parseFilter, parseFilters, parseTuple } from './parse-expression.ts';
import type { Expression, MacroSyntax, Parameter, Statement, Target, Template } from './syntax.ts';
import { TokenStream } from './token-stream.ts';

/**
 * The statements of a template.
 *
 * @throws JinjaError with the line, for what is no Jinja or not supported.
 */
export function parseTemplate(template: string): Template {
  const stream = new TokenStream(tokens(template));
  const statements = body(stream, []);
  stream.expect('end');
  return { statements, hidden: hiddenNames(statements) };
}

/** Statements up to a block whose name is one of `ends`; that name is the next token then. */
function body(stream: TokenStream, ends: readonly string[]): Statement[] {
  return stream.nested(() => {
    const statements: Statement[] = [];
    for (;;) {
      if (stream.is('end')) {
        if (ends.length > 0) stream.fail(`${ends.map((name) => `{% ${name} %}`).join(' or ')} is missing`);
        return statements;
      }
      const token = stream.take();
      if (token.type === 'text') statements.push({ kind: 'text', text: token.value });
      else if (token.type === 'variable_begin') {
        statements.push({ kind: 'output', value: printed(parseTuple(stream)) });
        stream.expect('variable_end');
      } else {
        const name = stream.peek();
        if (name.type === 'name' && ends.includes(name.value)) return statements;
        statements.push(...statement(stream));
      }
    }
  });
}

/** A printed value without the mark of safe HTML at its end, which printing does not show. */
function printed(value: Expression): Expression {
  return value.kind === 'filter' && value.name === 'safe' ? { ...value, name: 'string' } : value;
}

/** The body up to the block `end`, that block included. */
function bodyUntil(stream: TokenStream, end: string): Statement[] {
  const statements = body(stream, [end]);
  stream.skip(1);
  // Jinja lets a macro's or block's name stand behind its end.
  stream.expect('block_end');
  return statements;
}

/** A body that break and continue cannot simply leave. */
function bodyInside(stream: TokenStream, inside: 'block' | 'nothing', end: string): Statement[] {
  const kept = inside === 'block' && stream.inside === 'nothing' ? 'nothing' : inside;
  return stream.within(kept, () => bodyUntil(stream, end));
}

const foreign = [
  'include',
  'import',
  'from',
  'extends',
  'block',
  'autoescape',
  'do',
  'trans',
  'debug',
  'print',
];

function statement(stream: TokenStream): Statement[] {
  const name = stream.expectName();
  switch (name) {
    case 'if':
      return [ifStatement(stream)];
    case 'for':
      return [forStatement(stream)];
    case 'set':
      return [setStatement(stream)];
    case 'macro': {
      const macroName = stream.expectName();
      return [{ kind: 'macro', name: macroName, macro: macro(stream, signature(stream), 'endmacro') }];
    }
    case 'call': {
      const parameters = stream.isOperator('(') ? signature(stream) : [];
      const call = parseExpression(stream);
      if (call.kind !== 'call') stream.fail('{% call %} needs a call');
      return [{ kind: 'call-block', call, caller: macro(stream, parameters, 'endcall') }];
    }
    case 'filter': {
      const filter = parseFilters(stream, parseFilter(stream, undefined))!;
      stream.expect('block_end');
      return [{ kind: 'filter-block', filter, body: bodyInside(stream, 'block', 'endfilter') }];
    }
    case 'with':
      return [withStatement(stream)];
    case 'break':
    case 'continue':
      if (stream.inside === 'nothing') stream.fail(`{% ${name} %} stands outside of a loop`);
      if (stream.inside === 'block') unsupported(`{% ${name} %} out of a set or filter block`);
      stream.expect('block_end');
      return [{ kind: name }];
    case 'generation':
      stream.expect('block_end');
      return [{ kind: 'generation', body: bodyInside(stream, 'nothing', 'endgeneration') }];
    default:
      if (foreign.includes(name)) unsupported(`{% ${name} %}`);
      return stream.fail(`there is no {% ${name} %}`);
  }
}

function ifStatement(stream: TokenStream): Statement {
  const test = parseTuple(stream, { withCondition: false });
  stream.expect('block_end');
  const then = body(stream, ['elif', 'else', 'endif']);
  const ending = stream.expectName();
  if (ending === 'elif')
    return { kind: 'if', test, body: then, otherwise: [stream.nested(() => ifStatement(stream))] };
  stream.expect('block_end');
  return { kind: 'if', test, body: then, otherwise: ending === 'else' ? bodyUntil(stream, 'endif') : [] };
}

function forStatement(stream: TokenStream): Statement {
  const loopTarget = target(stream);
  if (!stream.takeName('in')) stream.fail("'in' expected");
  const sequence = parseTuple(stream, { withCondition: false, endName: 'recursive' });
  const test = stream.takeName('if') ? parseExpression(stream) : undefined;
  const recursive = stream.takeName('recursive');
  stream.expect('block_end');
  const loopBody = stream.within('loop', () => body(stream, ['endfor', 'else']));
  const ending = stream.expectName();
  stream.expect('block_end');
  const otherwise = ending === 'else' ? bodyUntil(stream, 'endfor') : [];
  return { kind: 'for', target: loopTarget, sequence, test, recursive, body: loopBody, otherwise };
}

function setStatement(stream: TokenStream): Statement {
  const assigned = target(stream, true);
  if (stream.takeOperator('=')) {
    const value = parseTuple(stream);
    stream.expect('block_end');
    return { kind: 'set', target: assigned, value };
  }
  const filter = parseFilters(stream, undefined);
  stream.expect('block_end');
  return { kind: 'set-block', target: assigned, filter, body: bodyInside(stream, 'block', 'endset') };
}

function withStatement(stream: TokenStream): Statement {
  const values: (readonly [Target, Expression])[] = [];
  while (!stream.is('block_end')) {
    if (values.length > 0) stream.expectOperator(',');
    const name = single(stream, false);
    stream.expectOperator('=');
    values.push([name, parseExpression(stream)]);
  }
  stream.expect('block_end');
  return { kind: 'with', values, body: bodyUntil(stream, 'endwith') };
}

function macro(stream: TokenStream, parameters: readonly Parameter[], end: string): MacroSyntax {
  stream.expect('block_end');
  const statements = bodyInside(stream, 'nothing', end);
  return { parameters, extras: namesUsed(statements, macroExtras), body: statements };
}

/** What a macro finds besides its parameters: the block it is called with, and what else it was given. */
const macroExtras = ['caller', 'kwargs', 'varargs'];

function signature(stream: TokenStream): Parameter[] {
  stream.expectOperator('(');
  const parameters: Parameter[] = [];
  while (!stream.takeOperator(')')) {
    if (parameters.length > 0) stream.expectOperator(',');
    const name = stream.expectName();
    if (macroExtras.includes(name)) unsupported(`a parameter named '${name}'`);
    if (parameters.some((other) => other.name === name)) stream.fail(`the parameter '${name}' stands twice`);
    const initial = stream.takeOperator('=') ? parseExpression(stream) : undefined;
    if (initial === undefined && parameters.at(-1)?.initial !== undefined) {
      stream.fail('a parameter without a default behind one with a default');
    }
    parameters.push({ name, initial });
  }
  return parameters;
}

const reserved = ['true', 'false', 'none', 'True', 'False', 'None'];

function target(stream: TokenStream, namespaces = false): Target {
  const items = [single(stream, namespaces)];
  let isTuple = false;
  while (stream.takeOperator(',')) {
    isTuple = true;
    if (!stream.is('name') && !stream.isOperator('(')) break;
    if (stream.isName('in')) break;
    items.push(single(stream, namespaces));
  }
  return isTuple ? { kind: 'tuple', items } : items[0]!;
}

function single(stream: TokenStream, namespaces: boolean): Target {
  if (stream.takeOperator('(')) {
    const inner = stream.nested(() => target(stream));
    stream.expectOperator(')');
    return inner;
  }
  const name = stream.expectName();
  if (name === 'loop') unsupported("assigning to 'loop'");
  if (reserved.includes(name)) stream.fail(`'${name}' cannot be assigned to`);
  if (namespaces && stream.takeOperator('.'))
    return { kind: 'namespace', name, attribute: stream.expectName() };
  return { kind: 'name', name };
}
