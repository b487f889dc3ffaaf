/** How far something has come that takes a while. */
export interface Progress {
  /** What is being done, in a few words. */
  readonly what: string;
  readonly done: number;
  readonly total: number;
  /** Of this part, at the speed so far; null before there is one. */
  readonly secondsLeft: number | null;
}

export type OnProgress = (progress: Progress) => void;

/** Counts one part of the work and tells the listener. */
export function progressOf(
  what: string,
  total: number,
  listener: OnProgress,
  now: () => number = () => performance.now(),
): (done: number) => void {
  const start = now();
  listener({ what, done: 0, total, secondsLeft: null });
  return (done) => {
    const seconds = (now() - start) / 1000;
    const secondsLeft = done >= total ? 0 : done > 0 ? (seconds / done) * (total - done) : null;
    listener({ what, done, total, secondsLeft });
  };
}
