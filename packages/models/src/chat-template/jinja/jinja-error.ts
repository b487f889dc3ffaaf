/** A template that is no Jinja, that fails, or that asks for what is not implemented. Callers wrap it in their own error. */
export class JinjaError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'JinjaError';
  }
}

/** A template that would take more work, text or nesting than it may. */
export class JinjaLimitError extends JinjaError {
  /** Which limit, in words. */
  readonly limit: string;

  constructor(limit: string) {
    super(`it goes beyond its limit of ${limit}`);
    this.name = 'JinjaLimitError';
    this.limit = limit;
  }
}

/** What Python's Jinja has and this evaluator has not: refused by name. */
export function unsupported(what: string): never {
  throw new JinjaError(`it uses ${what}, which is not supported here; rewrite the template without it`);
}
