import type { PenaltyWeights, Regularizer, RegularizerState } from '@safetune/regularizers';
import type { StatePart } from './step-observer.ts';

/** The states that regularizers keep, as a part of the run's. */
export interface RegularizerStates extends StatePart {
  /** Hands on to the regularizers what was restored, when they are set to the start. */
  takeUp(): void;
}

export function regularizerStates(regularizers: readonly Regularizer[]): RegularizerStates {
  const keeping = regularizers.filter(({ saveState }) => saveState !== undefined);
  let restored: ReadonlyMap<string, RegularizerState> = new Map();
  return {
    name: 'regularizers',
    state() {
      const states = keeping.map((regularizer) => [regularizer.name, regularizer.saveState!()] as const);
      return {
        facts: Object.fromEntries(states.map(([name, { facts = null }]) => [name, facts])),
        tensors: Object.fromEntries(
          states.flatMap(([name, { tensors = {} }]) =>
            Object.entries(tensors).map(([tensor, values]) => [tensorName(name, tensor), values]),
          ),
        ),
      };
    },
    restore({ facts, tensors }) {
      restored = new Map(
        keeping.map(({ name }) => {
          const own = Object.entries(tensors).filter(([tensor]) => tensor.startsWith(tensorName(name, '')));
          return [
            name,
            {
              facts: (facts as Readonly<Record<string, unknown>>)[name],
              tensors: Object.fromEntries(
                own.map(([tensor, values]) => [tensor.slice(tensorName(name, '').length), values]),
              ),
            },
          ];
        }),
      );
      return undefined;
    },
    takeUp() {
      for (const regularizer of keeping) {
        const state = restored.get(regularizer.name);
        if (state !== undefined) regularizer.restoreState!(state);
      }
    },
  };
}

/** Names may hold any character: encoded, the first dot ends one. */
function tensorName(regularizer: string, tensor: string): string {
  return `${encodeURIComponent(regularizer).replaceAll('.', '%2E')}.${tensor}`;
}

/** The weights that follow their penalties, as a part of the run's state. */
export function weightsState(weights: PenaltyWeights): StatePart {
  return {
    name: 'weights',
    state: () => ({ facts: weights.adapted, tensors: {} }),
    restore({ facts }) {
      weights.restore(facts as PenaltyWeights['adapted']);
      return undefined;
    },
  };
}
