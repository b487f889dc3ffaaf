/** The syntax tree of a template. */

/** An expression, by the kinds of Jinja's own syntax tree (`jinja2.nodes`). */
export type Expression =
  | { readonly kind: 'constant'; readonly value: string | number | boolean | null }
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'list'; readonly items: readonly Expression[] }
  | { readonly kind: 'tuple'; readonly items: readonly Expression[] }
  | { readonly kind: 'dict'; readonly entries: readonly (readonly [Expression, Expression])[] }
  | { readonly kind: 'attribute'; readonly object: Expression; readonly name: string }
  | { readonly kind: 'item'; readonly object: Expression; readonly key: Expression }
  | {
      readonly kind: 'slice';
      readonly object: Expression;
      readonly start: Expression | undefined;
      readonly stop: Expression | undefined;
      readonly step: Expression | undefined;
    }
  | { readonly kind: 'call'; readonly callee: Expression; readonly call: CallArguments }
  | {
      readonly kind: 'filter';
      /** Undefined in filter blocks: the text of the block. */
      readonly operand: Expression | undefined;
      readonly name: string;
      readonly call: CallArguments;
    }
  | {
      readonly kind: 'test';
      readonly operand: Expression;
      readonly name: string;
      readonly call: CallArguments;
    }
  | { readonly kind: 'not'; readonly operand: Expression }
  | { readonly kind: 'sign'; readonly operator: '-' | '+'; readonly operand: Expression }
  | {
      readonly kind: 'logic';
      readonly operator: 'and' | 'or';
      readonly left: Expression;
      readonly right: Expression;
    }
  | {
      readonly kind: 'compare';
      readonly first: Expression;
      /** As in Python, `a < b < c` is `a < b and b < c`. */
      readonly rest: readonly { readonly operator: Comparison; readonly operand: Expression }[];
    }
  | { readonly kind: 'concatenate'; readonly parts: readonly Expression[] }
  | {
      readonly kind: 'arithmetic';
      readonly operator: Arithmetic;
      readonly left: Expression;
      readonly right: Expression;
    }
  | {
      readonly kind: 'condition';
      readonly test: Expression;
      readonly whenTrue: Expression;
      readonly whenFalse: Expression | undefined;
    };

export type Comparison = '==' | '!=' | '<' | '<=' | '>' | '>=' | 'in' | 'not in';
export type Arithmetic = '+' | '-' | '*' | '/' | '//' | '%' | '**';

export interface CallArguments {
  readonly positional: readonly Expression[];
  readonly named: readonly (readonly [string, Expression])[];
  /** `*sequence` */
  readonly rest: Expression | undefined;
  /** `**dict` */
  readonly namedRest: Expression | undefined;
}

export interface Parameter {
  readonly name: string;
  readonly initial: Expression | undefined;
}

/** What a `for` or a `set` assigns to. */
export type Target =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'tuple'; readonly items: readonly Target[] }
  | { readonly kind: 'namespace'; readonly name: string; readonly attribute: string };

export type Statement =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'output'; readonly value: Expression }
  | {
      readonly kind: 'if';
      readonly test: Expression;
      readonly body: readonly Statement[];
      readonly otherwise: readonly Statement[];
    }
  | {
      readonly kind: 'for';
      readonly target: Target;
      readonly sequence: Expression;
      readonly test: Expression | undefined;
      readonly recursive: boolean;
      readonly body: readonly Statement[];
      readonly otherwise: readonly Statement[];
    }
  | { readonly kind: 'break' | 'continue' }
  | { readonly kind: 'set'; readonly target: Target; readonly value: Expression }
  | {
      readonly kind: 'set-block';
      readonly target: Target;
      readonly filter: Expression | undefined;
      readonly body: readonly Statement[];
    }
  | { readonly kind: 'macro'; readonly name: string; readonly macro: MacroSyntax }
  | { readonly kind: 'call-block'; readonly call: Expression; readonly caller: MacroSyntax }
  | { readonly kind: 'filter-block'; readonly filter: Expression; readonly body: readonly Statement[] }
  | {
      readonly kind: 'with';
      readonly values: readonly (readonly [Target, Expression])[];
      readonly body: readonly Statement[];
    }
  /** transformers' mark around what the assistant says. */
  | { readonly kind: 'generation'; readonly body: readonly Statement[] };

/** For each body with a scope of its own, the names that are undefined in it until it sets them; see hidden-names.ts. */
export type HiddenNames = ReadonlyMap<readonly Statement[], readonly string[]>;

/** A template that was read. */
export interface Template {
  readonly statements: readonly Statement[];
  readonly hidden: HiddenNames;
}

export interface MacroSyntax {
  readonly parameters: readonly Parameter[];
  /** Those of `caller`, `kwargs` and `varargs` that it uses. */
  readonly extras: ReadonlySet<string>;
  readonly body: readonly Statement[];
}
