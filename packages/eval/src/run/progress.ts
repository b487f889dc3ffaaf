/** How far an evaluation has come. */
export interface EvaluationProgress {
  /** Answers are drawn first, then judged. */
  readonly phase: 'answering' | 'judging';
  /** Answers of this phase that are done, those taken from the run folder included. */
  readonly done: number;
  readonly total: number;
  /** How many of the done came from the run folder. */
  readonly resumed: number;
  /** Answers per second in this process; null before the first. */
  readonly perSecond: number | null;
  /** Time left of this phase at that speed; null before the first. */
  readonly secondsLeft: number | null;
  /** While judging: answers left unscored so far because the endpoint failed. */
  readonly endpointErrors: number;
}

/** How the steps of an evaluation are watched and ended. */
export interface Watch {
  readonly onProgress: (progress: EvaluationProgress) => void;
  /** The clock, in milliseconds. */
  readonly now: () => number;
  readonly signal?: AbortSignal;
}

/** Counts one phase and tells the listener: once at its start, then after every answer. */
export function progressMeter(
  phase: EvaluationProgress['phase'],
  { total, resumed }: { readonly total: number; readonly resumed: number },
  listener: (progress: EvaluationProgress) => void,
  now: () => number,
): (step?: { readonly endpointError?: boolean }) => void {
  const start = now();
  let done = resumed;
  let endpointErrors = 0;
  function tell(): void {
    const seconds = (now() - start) / 1000;
    const perSecond = done > resumed && seconds > 0 ? (done - resumed) / seconds : null;
    const secondsLeft = done === total ? 0 : perSecond === null ? null : (total - done) / perSecond;
    listener({ phase, done, total, resumed, perSecond, secondsLeft, endpointErrors });
  }
  tell();
  return ({ endpointError = false } = {}) => {
    done += 1;
    if (endpointError) endpointErrors += 1;
    tell();
  };
}
