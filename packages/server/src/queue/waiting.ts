/** Those of this process who wait for a job. */
export class Waiting {
  readonly #milliseconds: number;
  readonly #wakers = new Set<() => void>();

  /** @param milliseconds how long to wait at most before looking again */
  constructor(milliseconds: number) {
    this.#milliseconds = milliseconds;
  }

  /** Until it is time to look again, all are woken, or the signal is aborted. */
  pause(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const awake = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', awake);
        this.#wakers.delete(awake);
        resolve();
      };
      const timer = setTimeout(awake, this.#milliseconds);
      signal.addEventListener('abort', awake);
      this.#wakers.add(awake);
    });
  }

  /** There may be a job for them. */
  wake(): void {
    for (const awake of this.#wakers) awake();
  }
}
