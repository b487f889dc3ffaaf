import type { Lease } from './queue.ts';

interface LeaseSource {
  /** When the lease was asked for, or earlier, by `performance.now()`: so it is given up too early rather than too late. */
  readonly renewedAt: number;
  /** How long it lasts, in milliseconds. */
  readonly length: number;
  /** Renews it. @returns whether it was still held. */
  renew(): Promise<boolean>;
  end(outcome: 'done' | 'again'): Promise<void>;
  /** Called once, when there is nothing more to renew. */
  over(): void;
}

/**
 * A lease that is renewed four times in its length. It is given up when a quarter of it is left and no renewal was answered: before the
 * queue could give the job to somebody else, whether its store answers or not.
 */
export class RenewedLease implements Lease {
  readonly jobId: string;
  readonly #source: LeaseSource;
  readonly #loss = new AbortController();
  readonly #timer: NodeJS.Timeout;
  #renewedAt: number;
  #isRenewing = false;
  #isOver = false;

  constructor(jobId: string, source: LeaseSource) {
    this.jobId = jobId;
    this.#source = source;
    this.#renewedAt = source.renewedAt;
    this.#timer = setInterval(() => this.#beat(), Math.max(1, source.length / 4));
    this.#timer.unref();
    // The store may have answered late.
    if (performance.now() - source.renewedAt > source.length / 4) this.#beat();
  }

  get lost(): AbortSignal {
    return this.#loss.signal;
  }

  async end(outcome: 'done' | 'again'): Promise<void> {
    if (this.#isOver) return;
    await this.#source.end(outcome);
    this.#stop();
  }

  /** Gives it up: whoever has the job must stop. */
  lose(): void {
    if (this.#isOver) return;
    this.#stop();
    this.#loss.abort(new Error(`the lease of ${this.jobId} is lost`));
  }

  #beat(): void {
    const isRunningOut = performance.now() - this.#renewedAt >= 0.75 * this.#source.length;
    // After a pause of the whole process a renewal may still be in time; only its answer tells.
    if (isRunningOut && this.#isRenewing) this.lose();
    else if (!this.#isRenewing) void this.#renew();
  }

  async #renew(): Promise<void> {
    const askedAt = performance.now();
    this.#isRenewing = true;
    try {
      if (await this.#source.renew()) this.#renewedAt = askedAt;
      else this.lose();
    } catch {
      // Such as a connection that broke, or a full disk: the next beat tries again, as long as there is time.
      if (performance.now() - this.#renewedAt >= 0.75 * this.#source.length) this.lose();
    } finally {
      this.#isRenewing = false;
    }
  }

  #stop(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearInterval(this.#timer);
    this.#source.over();
  }
}
