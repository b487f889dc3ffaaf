import type { Lease } from './queue.ts';

interface LeaseSource {
  /** When it was taken, by the clock. */
  readonly renewedAt: number;
  /** How long it lasts from there, in milliseconds. */
  readonly length: number;
  clock(): number;
  /** Extends it. @returns when it did; undefined when somebody else has the job, or nobody. */
  renew(): number | undefined;
  end(outcome: 'done' | 'again'): void;
  /** Called once, when there is nothing more to extend. */
  over(): void;
}

/** A lease that is extended four times in its length, and given up before another could be given. */
export class SqliteLease implements Lease {
  readonly jobId: string;
  readonly #source: LeaseSource;
  readonly #loss = new AbortController();
  readonly #timer: NodeJS.Timeout;
  #renewedAt: number;
  #isOver = false;

  constructor(jobId: string, source: LeaseSource) {
    this.jobId = jobId;
    this.#source = source;
    this.#renewedAt = source.renewedAt;
    this.#timer = setInterval(() => this.#beat(), Math.max(1, source.length / 4));
    this.#timer.unref();
  }

  get lost(): AbortSignal {
    return this.#loss.signal;
  }

  async end(outcome: 'done' | 'again'): Promise<void> {
    if (this.#isOver) return;
    this.#source.end(outcome);
    this.#stop();
  }

  /** Gives it up: whoever has the job must stop. */
  lose(): void {
    if (this.#isOver) return;
    this.#stop();
    this.#loss.abort(new Error(`the lease of ${this.jobId} is lost`));
  }

  #beat(): void {
    try {
      const renewedAt = this.#source.renew();
      if (renewedAt === undefined) this.lose();
      else this.#renewedAt = renewedAt;
    } catch {
      // Such as a full disk: it may pass before the lease runs out. The beat after the next would be too late.
      const left = this.#renewedAt + this.#source.length - this.#source.clock();
      if (left <= this.#source.length / 4) this.lose();
    }
  }

  #stop(): void {
    this.#isOver = true;
    clearInterval(this.#timer);
    this.#source.over();
  }
}
