import type { ChatExample } from '@safetune/datasets';
import type { Regularizer } from '@safetune/regularizers';
import type { Defense } from './defense.ts';
import { allowedPool } from './interleaving-defenses.ts';

/** As many anchors as interleaving adds to 120 examples at a share of 0.2, and the same: what differs is their use. */
const anchorCount = 24;

/** A defense with safe examples of other domains as its anchors. */
export function anchoredDefense(
  name: string,
  strength: number | null,
  make: (anchors: readonly ChatExample[]) => Regularizer,
): Defense {
  // One for each domain that is left out: graphs are compiled once for each regularizer.
  const made = new Map<string, Regularizer>();
  return {
    name,
    strength,
    regularizers(context) {
      const { task } = context;
      const excluded = task.kind === 'narrow' ? task.name : '';
      const regularizer = made.get(excluded) ?? make(allowedPool(context).slice(0, anchorCount));
      made.set(excluded, regularizer);
      return [regularizer];
    },
  };
}
