import type { WatchMessage } from './watch-message.ts';

type ScalarsMessage = Extract<WatchMessage, { readonly type: 'scalars' }>;

/** What a page that opens in the middle of a run needs: all that was said, and of long runs every so many steps. */
export class History {
  readonly #mostPoints: number;
  #points: ScalarsMessage[] = [];
  #latest = new Map<WatchMessage['type'], WatchMessage>();
  #said: WatchMessage[] = [];

  constructor(mostPoints = 4000) {
    this.#mostPoints = mostPoints;
  }

  add(message: WatchMessage): void {
    if (message.type === 'said') this.#said = [...this.#said, message].slice(-100);
    else if (message.type === 'scalars') this.#addPoint(message);
    else this.#latest.set(message.type, message);
  }

  #addPoint(message: ScalarsMessage): void {
    const last = this.#points.at(-1);
    // A sentinel looks at a step that has figures of its own.
    if (last?.step === message.step) {
      this.#points[this.#points.length - 1] = { ...last, values: { ...last.values, ...message.values } };
    } else this.#points.push(message);
    if (this.#points.length <= this.#mostPoints) return;
    this.#points = this.#points.filter(({ values }, index) => index % 2 === 0 || isRare(values));
  }

  get messages(): readonly WatchMessage[] {
    return [...this.#latest.values(), ...this.#said, ...this.#points];
  }
}

/** What is measured at few steps is never thinned out. */
function isRare(values: Readonly<Record<string, number>>): boolean {
  return Object.keys(values).some((name) => name.startsWith('sentinel/') || name === 'loss/held_out');
}
