import { modelUnavailable } from '../errors.ts';

/**
 * Models that could not be loaded, which are not tried again for a while: clients that ask again at once, as OpenAI's do, would have the
 * service start process after process, each of which takes the room of a model that answers.
 */
export class UnavailableModels {
  readonly #milliseconds: number;
  /** When each may be tried again, the first of them first. */
  readonly #until = new Map<string, number>();

  constructor(milliseconds: number) {
    this.#milliseconds = milliseconds;
  }

  /** @throws ApiError 503 for a model that is not to be tried yet. */
  refuse(key: string): void {
    const now = performance.now();
    for (const [one, until] of this.#until) {
      if (until > now) break;
      this.#until.delete(one);
    }
    if (this.#until.has(key)) throw modelUnavailable();
  }

  add(key: string): void {
    this.#until.delete(key);
    this.#until.set(key, performance.now() + this.#milliseconds);
  }
}
