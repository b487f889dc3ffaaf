import { Budget, type RenderLimits } from './budget.ts';
import { truth } from './comparing.ts';
import { evaluate } from './evaluate.ts';
import { setAttribute } from './globals.ts';
import { JinjaError, unsupported } from './jinja-error.ts';
import { LoopState } from './loop.ts';
import { text } from './printing.ts';
import { Scope } from './scope.ts';
import { items } from './sequences.ts';
import type { Expression, HiddenNames, MacroSyntax, Statement, Target, Template } from './syntax.ts';
import {
  type Arguments,
  Callable,
  Dict,
  Iterator,
  Namespace,
  Tuple,
  Undefined,
  type Value,
} from './values.ts';

/** What ends a turn of a loop early. */
type Jump = 'break' | 'continue' | undefined;

/** Characters `start` (included) to `end` (excluded) of a text. */
export interface GeneratedSpan {
  readonly start: number;
  readonly end: number;
}

/** What a template printed. */
export interface RenderedTemplate {
  readonly text: string;
  /**
   * What stands in its `{% generation %}` blocks, in order. Undefined where none was printed, or one by a macro or into a
   * variable: where such a text ends up, nobody knows.
   */
  readonly generated: readonly GeneratedSpan[] | undefined;
}

/** The `{% generation %}` blocks that a rendering came by. */
interface GenerationMarks {
  readonly spans: GeneratedSpan[];
  isLost: boolean;
}

/** One rendering of a template. */
interface Rendering {
  readonly budget: Budget;
  readonly hidden: HiddenNames;
  readonly output: Output;
  readonly marks: GenerationMarks;
}

/** What was printed so far, into the whole text or into a part of it that is printed later. */
class Output {
  readonly isWhole: boolean;
  readonly #parts: string[] = [];
  length = 0;

  constructor(isWhole = false) {
    this.isWhole = isWhole;
  }

  push(part: string): void {
    this.#parts.push(part);
    this.length += part.length;
  }

  get text(): string {
    return this.#parts.join('');
  }
}

/**
 * Runs a template as Python's Jinja does.
 *
 * @param values - names that the template finds
 * @throws JinjaError when the template fails or uses what is not supported; JinjaLimitError when it goes beyond a limit.
 */
export function render(
  { statements, hidden }: Template,
  values: Iterable<readonly [string, Value]>,
  limits?: RenderLimits,
): RenderedTemplate {
  const globals = new Scope();
  for (const [name, value] of values) globals.set(name, value);
  const marks: GenerationMarks = { spans: [], isLost: false };
  const output = new Output(true);
  run(statements, globals.inside(hidden.get(statements)), {
    budget: new Budget(limits),
    hidden,
    output,
    marks,
  });
  return {
    text: output.text,
    generated: marks.spans.length > 0 && !marks.isLost ? marks.spans : undefined,
  };
}

function write(value: string, { output, budget }: Rendering): void {
  budget.characters(value.length);
  output.push(value);
}

/** What statements print, as a text of its own; in a scope inside `scope`. */
function captured(statements: readonly Statement[], scope: Scope, rendering: Rendering): string {
  const inner = { ...rendering, output: new Output() };
  run(statements, scope.inside(rendering.hidden.get(statements)), inner);
  return inner.output.text;
}

function run(statements: readonly Statement[], scope: Scope, rendering: Rendering): Jump {
  for (const statement of statements) {
    rendering.budget.step();
    const jump = runOne(statement, scope, rendering);
    if (jump !== undefined) return jump;
  }
  return undefined;
}

function runOne(statement: Statement, scope: Scope, rendering: Rendering): Jump {
  const { budget } = rendering;
  const value = (expression: Expression, operand?: string) => evaluate(expression, scope, budget, operand);
  switch (statement.kind) {
    case 'text':
      write(statement.text, rendering);
      return undefined;
    case 'output':
      write(text(value(statement.value), budget), rendering);
      return undefined;
    case 'if':
      return run(truth(value(statement.test)) ? statement.body : statement.otherwise, scope, rendering);
    case 'for':
      runLoop(statement, value(statement.sequence), 1, scope, rendering);
      return undefined;
    case 'break':
    case 'continue':
      return statement.kind;
    case 'set':
      assign(statement.target, value(statement.value), scope, budget);
      return undefined;
    case 'set-block': {
      const body = captured(statement.body, scope, rendering);
      assign(
        statement.target,
        statement.filter === undefined ? body : value(statement.filter, body),
        scope,
        budget,
      );
      return undefined;
    }
    case 'macro':
      scope.set(statement.name, macro(statement.name, statement.macro, scope, rendering));
      return undefined;
    case 'call-block': {
      const caller = macro('caller', statement.caller, scope, rendering);
      write(text(callWith(caller, statement.call, scope, budget), budget), rendering);
      return undefined;
    }
    case 'filter-block': {
      const body = captured(statement.body, scope, rendering);
      write(text(value(statement.filter, body), budget), rendering);
      return undefined;
    }
    case 'generation': {
      const { output, marks } = rendering;
      const start = output.length;
      const jump = run(statement.body, scope.inside(rendering.hidden.get(statement.body)), rendering);
      if (output.isWhole) marks.spans.push({ start, end: output.length });
      else marks.isLost = true;
      return jump;
    }
    case 'with': {
      const inner = scope.inside(rendering.hidden.get(statement.body));
      for (const [target, expression] of statement.values) assign(target, value(expression), inner, budget);
      return run(statement.body, inner, rendering);
    }
  }
}

function runLoop(
  loop: Extract<Statement, { kind: 'for' }>,
  sequence: Value,
  depth: number,
  scope: Scope,
  rendering: Rendering,
): void {
  const { budget } = rendering;
  const wanted = items(sequence, budget).filter((item) => {
    if (loop.test === undefined) return true;
    const inner = new Scope(scope);
    assign(loop.target, item, inner, budget);
    return truth(evaluate(loop.test, inner, budget));
  });
  const recurse = (inner: Value): string => {
    const nested = { ...rendering, output: new Output() };
    runLoop(loop, inner, depth + 1, scope, nested);
    return nested.output.text;
  };
  const state = new LoopState(wanted, depth, loop.recursive ? recurse : undefined, budget);
  let completed = false;
  for (const [index, item] of wanted.entries()) {
    const turn = scope.inside(rendering.hidden.get(loop.body));
    state.turn(index);
    turn.set('loop', state.variable);
    assign(loop.target, item, turn, budget);
    const jump = run(loop.body, turn, rendering);
    if (jump === undefined) completed = true;
    if (jump !== 'break') continue;
    if (sequence instanceof Iterator) sequence.leave();
    break;
  }
  // As Jinja has it: where no turn came to its end, be it by break or continue.
  if (!completed) run(loop.otherwise, scope.inside(rendering.hidden.get(loop.otherwise)), rendering);
}

function assign(target: Target, value: Value, scope: Scope, budget: Budget): void {
  if (target.kind === 'name') scope.set(target.name, value);
  else if (target.kind === 'namespace') {
    const namespace = scope.get(target.name);
    if (!(namespace instanceof Namespace)) {
      throw new JinjaError(`cannot assign attribute on non-namespace object '${target.name}'`);
    }
    setAttribute(namespace, target.attribute, value);
  } else {
    if (value instanceof Undefined) value.fail();
    const parts = items(value, budget);
    if (parts.length !== target.items.length) {
      throw new JinjaError(`${target.items.length} values expected to unpack, ${parts.length} found`);
    }
    for (const [index, part] of parts.entries()) assign(target.items[index]!, part, scope, budget);
  }
}

function macro(
  name: string,
  { parameters, extras, body }: MacroSyntax,
  scope: Scope,
  rendering: Rendering,
): Callable {
  return new Callable(name, ({ positional, named }: Arguments) => {
    const inner = new Scope(scope);
    const { budget } = rendering;
    if (positional.length > parameters.length && !extras.has('varargs')) {
      throw new JinjaError(`macro '${name}' takes not more than ${parameters.length} arguments`);
    }
    const others = [...named].filter(
      ([given]) =>
        !(given === 'caller' && extras.has('caller')) &&
        !parameters.some((parameter) => parameter.name === given),
    );
    if (others.length > 0 && !extras.has('kwargs'))
      throw new JinjaError(`macro '${name}' takes no keyword argument '${others[0]![0]}'`);
    const given: Record<string, () => Value> = {
      caller: () => named.get('caller') ?? new Undefined("'caller'"),
      kwargs: () => new Dict(others),
      varargs: () => new Tuple(positional.slice(parameters.length)),
    };
    for (const extra of extras) inner.set(extra, given[extra]!());
    for (const [index, { name: parameter, initial }] of parameters.entries()) {
      const given = positional[index];
      const byName = named.get(parameter);
      if (given !== undefined && byName !== undefined) {
        throw new JinjaError(`macro '${name}' got two values for '${parameter}'`);
      }
      const missing = () =>
        initial === undefined ? new Undefined(`parameter '${parameter}'`) : evaluate(initial, inner, budget);
      inner.set(parameter, given ?? byName ?? (given === null || byName === null ? null : missing()));
    }
    return captured(body, inner, rendering);
  });
}

function callWith(caller: Callable, expression: Expression, scope: Scope, budget: Budget): Value {
  if (expression.kind !== 'call') return unsupported('{% call %} of something that is no call');
  const inner = new Scope(scope);
  inner.set('(caller)', caller);
  const withCaller = {
    ...expression.call,
    named: [...expression.call.named, ['caller', { kind: 'name', name: '(caller)' }] as const],
  };
  return evaluate({ ...expression, call: withCaller }, inner, budget);
}
