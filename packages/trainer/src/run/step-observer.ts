/** A part of a run's state that is neither the trained values nor the optimizer's: what it needs to go on as it was. */
export interface StatePart {
  /** Its name in the checkpoint. */
  readonly name: string;
  state(): PartState;
  /** @returns why the run had ended, when it had */
  restore(state: PartState): RunEnd | undefined;
}

export interface PartState {
  /** Plain values. */
  readonly facts: unknown;
  /** Values too many for text, such as those that the run may go back to. */
  readonly tensors: Readonly<Record<string, Float32Array>>;
}

/**
 * Something that looks at the model between two steps, at steps of its choice, and may end the run: the sentinel, an
 * evaluation. What it decides from must be in its state, so that a resumed run ends in the same bytes.
 */
export interface StepObserver extends StatePart {
  /** Whether it looks after this step; 0 is before the first step of a fresh run. */
  isDue(step: number, steps: number): boolean;
  /**
   * Looks at the model as it is, and may set the trained values back.
   *
   * @returns why the run ends here; undefined when it goes on.
   */
  observe(step: number): Promise<RunEnd | undefined>;
  /** Frees what was compiled. */
  release(): Promise<void>;
}

/** Why a run ended before its last step. */
export interface RunEnd {
  /** Which observer ended it. */
  readonly by: string;
  /** The step after which it was ended. */
  readonly step: number;
  /** The step whose values are the result: an earlier one after going back. */
  readonly resultOfStep: number;
  /** In words. */
  readonly reason: string;
}

/** Has those look that are due, and ends with the first that ends the run. */
export async function observe(
  observers: readonly StepObserver[],
  step: number,
  steps: number,
): Promise<RunEnd | undefined> {
  for (const observer of observers) {
    const end = observer.isDue(step, steps) ? await observer.observe(step) : undefined;
    if (end !== undefined) return end;
  }
  return undefined;
}
