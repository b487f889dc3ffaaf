import { JinjaLimitError } from './jinja-error.ts';

/** How much one rendering may do. */
export interface RenderLimits {
  /** Expressions, statements and items of sequences. Default 5,000,000: one or two seconds. */
  readonly steps?: number;
  /** Characters of any text made on the way, the result among them. Default 16 Mi. */
  readonly characters?: number;
}

/** Calls of macros inside each other. */
const deepestCall = 100;

/** What is left of a rendering's limits. */
export class Budget {
  readonly #steps: number;
  readonly #characters: number;
  #used = 0;
  #made = 0;
  #depth = 0;

  constructor({ steps = 5_000_000, characters = 16 * 1024 * 1024 }: RenderLimits = {}) {
    this.#steps = steps;
    this.#characters = characters;
  }

  /** @throws JinjaLimitError when the steps are used up. */
  step(count = 1): void {
    this.#used += count;
    if (this.#used > this.#steps) throw new JinjaLimitError(`${this.#steps} steps`);
  }

  /** Asks before a text of that length is made: all texts together may be 64 times the longest. */
  characters(count: number): void {
    this.#made += count;
    if (count > this.#characters || this.#made > 64 * this.#characters) {
      throw new JinjaLimitError(`${this.#characters} characters`);
    }
    this.step(Math.ceil(count / 1024));
  }

  /** Asks before a text is read through, which takes less than making it. */
  read(text: string): void {
    this.step(text.length >> 6);
  }

  /** Runs a call, at most {@link deepestCall} inside each other. */
  call<Result>(run: () => Result): Result {
    if (++this.#depth > deepestCall) throw new JinjaLimitError(`${deepestCall} calls inside each other`);
    try {
      return run();
    } finally {
      this.#depth--;
    }
  }
}
