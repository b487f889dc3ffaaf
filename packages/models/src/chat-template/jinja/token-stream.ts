import { JinjaError, JinjaLimitError } from './jinja-error.ts';
import type { Token } from './lexer.ts';

/** Deepest nesting of expressions and of blocks: Python's own parser ends at some hundred too. */
const deepest = 150;

/** The tokens of a template, read one after another. */
export class TokenStream {
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;
  /** What break and continue would leave: a loop, something else inside one, or nothing. */
  inside: 'loop' | 'block' | 'nothing' = 'nothing';

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  peek(ahead = 0): Token {
    return this.#tokens[this.#at + ahead] ?? this.#tokens.at(-1)!;
  }

  take(): Token {
    const token = this.peek();
    if (this.#at < this.#tokens.length - 1) this.#at++;
    return token;
  }

  skip(count: number): void {
    for (let index = 0; index < count; index++) this.take();
  }

  is(type: string): boolean {
    return this.peek().type === type;
  }

  isName(name: string, ahead = 0): boolean {
    const { type, value } = this.peek(ahead);
    return type === 'name' && value === name;
  }

  isOperator(operator: string, ahead = 0): boolean {
    const { type, value } = this.peek(ahead);
    return type === 'operator' && value === operator;
  }

  takeName(name: string): boolean {
    const found = this.isName(name);
    if (found) this.take();
    return found;
  }

  takeOperator(operator: string): boolean {
    const found = this.isOperator(operator);
    if (found) this.take();
    return found;
  }

  expectOperator(operator: string): void {
    if (!this.takeOperator(operator)) this.fail(`'${operator}' expected, not ${this.describe(this.peek())}`);
  }

  expectName(): string {
    const token = this.take();
    return token.type === 'name' ? token.value : this.fail(`a name expected, not ${this.describe(token)}`);
  }

  expect(type: Token['type']): void {
    const token = this.take();
    if (token.type !== type) this.fail(`unexpected ${this.describe(token)}`);
  }

  /** An integer literal. @throws JinjaError beyond 2^53, where JavaScript's numbers are no longer exact. */
  integer(token: Token): number {
    const value = Number(token.value);
    return Number.isSafeInteger(value) ? value : this.fail(`${token.value} is too large`);
  }

  /** Reads something that may hold things like itself. */
  nested<Node>(read: () => Node): Node {
    if (++this.#depth > deepest)
      throw new JinjaLimitError(`${deepest} expressions or blocks inside each other`);
    const node = read();
    this.#depth--;
    return node;
  }

  /** Reads with another answer to what break and continue would leave. */
  within<Node>(inside: TokenStream['inside'], read: () => Node): Node {
    const outer = this.inside;
    this.inside = inside;
    const node = read();
    this.inside = outer;
    return node;
  }

  describe({ type, value }: Token): string {
    if (type === 'end') return 'the end of the template';
    return value === '' ? `the ${type.replace('_', "'s ")}` : JSON.stringify(value.slice(0, 40));
  }

  fail(problem: string): never {
    throw new JinjaError(`line ${this.peek().line}: ${problem}`);
  }
}
