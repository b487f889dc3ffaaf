import type { RunEnd, StepObserver } from './step-observer.ts';

/** What a callback can do to the run that it hears of. */
export interface RunControl {
  /**
   * Ends the run after the present step, as if it were the last: hooks, saving and the result follow. A run that is killed
   * after that goes on to the same end.
   *
   * @param reason in words: it is in the result. The first is kept.
   */
  stop(reason: string): void;
}

/** What ended a run that a callback ended: {@link RunEnd.by}. */
export const callbackName = 'callback';

/** A control for callbacks, and the observer that ends the run when it is used. */
export function createRunControl(): { readonly control: RunControl; readonly observer: StepObserver } {
  let asked: string | undefined;
  let end: RunEnd | null = null;
  return {
    control: {
      stop(reason) {
        asked ??= reason;
      },
    },
    observer: {
      name: callbackName,
      isDue: (step, steps) => asked !== undefined && step < steps,
      async observe(step) {
        end = { by: callbackName, step, resultOfStep: step, reason: asked! };
        return end;
      },
      state: () => ({ facts: end, tensors: {} }),
      restore(state) {
        end = state.facts as RunEnd | null;
        return end ?? undefined;
      },
      release: async () => undefined,
    },
  };
}
