import { visitNames } from './names-used.ts';
import type { HiddenNames, MacroSyntax, Statement, Target } from './syntax.ts';

type Body = readonly Statement[];

/**
 * Jinja decides before it runs where a name is looked up. A scope that sets a name without having read it has it as a
 * variable of its own from the start: undefined until it is set, even for loops and macros inside that read it earlier, and
 * although the template was given a variable of that name. These are the hidden names of a body; everything else is what a
 * chain of scopes gives.
 */
export function hiddenNames(template: Body): HiddenNames {
  const hidden = new Map<Body, readonly string[]>();
  addBody(template, new Set(), [], [], hidden);
  return hidden;
}

type Found = Map<Body, readonly string[]>;

/** `reads`: what is evaluated in the scope of a body besides its statements. */
function addBody(
  body: Body,
  outer: ReadonlySet<string>,
  parameters: readonly string[],
  reads: unknown,
  hidden: Found,
): void {
  const scope = new ScopeNames(outer, parameters);
  scope.read(reads);
  scope.statements(body, false);
  if (scope.hidden.size > 0) hidden.set(body, [...scope.hidden]);
  const known = new Set([...outer, ...scope.names]);
  for (const statement of body) addInside(statement, known, hidden);
}

/** The scopes inside a statement. */
function addInside(statement: Statement, known: ReadonlySet<string>, hidden: Found): void {
  switch (statement.kind) {
    case 'if':
      for (const inner of [...statement.body, ...statement.otherwise]) addInside(inner, known, hidden);
      return;
    case 'for':
      addBody(statement.body, known, ['loop', ...targetNames(statement.target)], [], hidden);
      addBody(statement.otherwise, known, [], [], hidden);
      return;
    case 'macro':
      addMacro(statement.macro, known, hidden);
      return;
    case 'call-block':
      addMacro(statement.caller, known, hidden);
      return;
    case 'with':
      addBody(
        statement.body,
        known,
        statement.values.flatMap(([target]) => targetNames(target)),
        [],
        hidden,
      );
      return;
    case 'generation':
      addBody(statement.body, known, [], [], hidden);
      return;
    case 'set-block':
    case 'filter-block':
      addBody(statement.body, known, [], statement.filter, hidden);
  }
}

function addMacro(
  { parameters, extras, body }: MacroSyntax,
  known: ReadonlySet<string>,
  hidden: Found,
): void {
  const names = [...parameters.map(({ name }) => name), ...extras];
  addBody(body, known, names, parameters, hidden);
}

/** What one scope reads and sets itself, in order; the scopes inside it are not looked into. */
class ScopeNames {
  readonly names: Set<string>;
  readonly hidden = new Set<string>();
  readonly #outer: ReadonlySet<string>;

  constructor(outer: ReadonlySet<string>, parameters: readonly string[]) {
    this.#outer = outer;
    this.names = new Set(parameters);
  }

  read(tree: unknown): void {
    visitNames(tree, (name) => this.names.add(name));
  }

  statements(statements: Body, inBranch: boolean): void {
    for (const statement of statements) this.#statement(statement, inBranch);
  }

  #statement(statement: Statement, inBranch: boolean): void {
    switch (statement.kind) {
      case 'output':
        this.read(statement.value);
        break;
      case 'if':
        this.read(statement.test);
        this.statements(statement.body, true);
        this.statements(statement.otherwise, true);
        break;
      case 'for':
        this.read(statement.sequence);
        break;
      case 'set':
        this.read(statement.value);
        this.#set(statement.target, inBranch);
        break;
      case 'set-block':
        this.#set(statement.target, inBranch);
        break;
      case 'macro':
        this.#set({ kind: 'name', name: statement.name }, inBranch);
        break;
      case 'call-block':
        this.read(statement.call);
        break;
      case 'filter-block':
        this.read(statement.filter);
        break;
      case 'with':
        this.read(statement.values.map(([, value]) => value));
    }
  }

  #set(target: Target, inBranch: boolean): void {
    if (target.kind === 'tuple') for (const item of target.items) this.#set(item, inBranch);
    else if (target.kind === 'namespace') this.names.add(target.name);
    else if (!this.names.has(target.name)) {
      this.names.add(target.name);
      // What only a branch of an if sets is looked up outside when the scope begins.
      if (!inBranch && !this.#outer.has(target.name)) this.hidden.add(target.name);
    }
  }
}

function targetNames(target: Target): string[] {
  if (target.kind === 'tuple') return target.items.flatMap(targetNames);
  return target.kind === 'name' ? [target.name] : [];
}
