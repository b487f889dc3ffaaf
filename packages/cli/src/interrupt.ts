/** Ctrl-C as an abort signal: the first asks the work to stop at a good place, the second ends the process. */
export function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  const stop = () => {
    process.stderr.write('\nstopping after this step; press Ctrl-C again to stop at once\n');
    controller.abort(new InterruptedError());
    process.once('SIGINT', () => process.exit(130));
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  return controller.signal;
}

/** The work was stopped by the user; what was done is kept. */
export class InterruptedError extends Error {
  constructor() {
    super('interrupted; the same command goes on where this one stopped');
    this.name = 'InterruptedError';
  }
}
