import type { Regularizer } from './regularizer.ts';
import { type AdaptiveWeight, adaptedWeight, weightAt } from './weight-schedule.ts';

/** The weights of a run's penalties as it goes. */
export interface PenaltyWeights {
  /** lambda by name of the regularizer, when `progress` (0 at the first step, 1 at the last) of training is done. */
  at(progress: number): Readonly<Record<string, number>>;
  /** Lets weights that follow their penalties do so, after a step that found these; one whose penalty is not among them stays. */
  follow(penalties: Readonly<Record<string, number>>): void;
  /** The weights that follow their penalties, by name: what a resumed run needs. */
  readonly adapted: Readonly<Record<string, number>>;
  /** Takes these up again. */
  restore(adapted: Readonly<Record<string, number>>): void;
}

/** The weights of regularizers that have a term in the loss. */
export function penaltyWeights(
  regularizers: readonly Pick<Regularizer, 'name' | 'weight'>[],
): PenaltyWeights {
  const schedules = regularizers.map(({ name, weight = 1 }) => [name, weight] as const);
  const following = schedules.filter(
    (entry): entry is readonly [string, AdaptiveWeight] =>
      typeof entry[1] === 'object' && 'target' in entry[1],
  );
  let adapted: Readonly<Record<string, number>> = Object.fromEntries(
    following.map(([name, { from }]) => [name, from]),
  );
  return {
    at: (progress) => ({
      ...Object.fromEntries(schedules.map(([name, schedule]) => [name, weightAt(schedule, progress)])),
      ...adapted,
    }),
    follow(penalties) {
      adapted = Object.fromEntries(
        following.map(([name, schedule]) => {
          const [weight, penalty] = [adapted[name]!, penalties[name]];
          return [name, penalty === undefined ? weight : adaptedWeight(schedule, weight, penalty)];
        }),
      );
    },
    get adapted() {
      return adapted;
    },
    restore(saved) {
      adapted = Object.fromEntries(following.map(([name]) => [name, saved[name]!]));
    },
  };
}
