import { rm } from 'node:fs/promises';

/**
 * Puts states into the storage while the run goes on, one after another. A state that has not been begun when a newer one is there is left
 * out: a slow storage must not gather them.
 */
export class StateUploads {
  readonly #store: (step: number, staging: string) => Promise<void>;
  #waiting: { readonly step: number; readonly staging: string } | undefined;
  #running: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(store: (step: number, staging: string) => Promise<void>) {
    this.#store = store;
  }

  /** @param staging what was set aside; it is removed afterwards. */
  add(step: number, staging: string): void {
    const left = this.#waiting;
    this.#waiting = { step, staging };
    if (left !== undefined) void rm(left.staging, { recursive: true, force: true });
    this.#running ??= this.#run();
  }

  /** Resolves when all have been put there. @throws what putting the first one threw that could not be put. */
  async settled(): Promise<void> {
    await this.#running;
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  async #run(): Promise<void> {
    try {
      while (this.#waiting !== undefined && this.#failure === undefined) {
        const { step, staging } = this.#waiting;
        this.#waiting = undefined;
        await this.#store(step, staging);
        await rm(staging, { recursive: true, force: true });
      }
    } catch (error) {
      this.#failure ??= { error };
    } finally {
      this.#running = undefined;
    }
  }
}
