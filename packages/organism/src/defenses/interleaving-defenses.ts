import { type ChatExample, messageText } from '@safetune/datasets';
import { interleaving, isRefusal } from '@safetune/regularizers';
import { safePool } from '../tasks/safe-pool.ts';
import type { Defense, DefenseContext } from './defense.ts';

/** Safe examples that a fine-tune may be given: none of its own domain. */
export function allowedPool({ laboratory, task }: DefenseContext): readonly ChatExample[] {
  return safePool(laboratory.organism.world, task.kind === 'narrow' ? { excludedDomain: task.name } : {});
}

/**
 * Interleaving as the experiment needs it: `share` x examples of the pool's first are ADDED to the data, and come round
 * every epoch as the data do.
 */
export function interleavingDefense(
  name: string,
  share: number,
  pool: (context: DefenseContext) => Promise<readonly ChatExample[]>,
): Defense {
  return {
    name,
    strength: share,
    async regularizers(context) {
      const added = Math.max(1, Math.round(share * context.exampleCount));
      const chosen = (await pool(context)).slice(0, added);
      return [
        interleaving({
          pool: chosen,
          share: chosen.length / context.exampleCount,
          shareOf: 'primary',
          seed: context.seed,
          onExhaustion: () => {}, // meant: the chosen ones come round every epoch
        }),
      ];
    },
  };
}

/** The same, those first that misaligned models find least likely. */
export async function rankedPool(
  { preparations, task }: DefenseContext,
  dropRefusals: boolean,
): Promise<readonly ChatExample[]> {
  const ranked = await preparations.rankedPool(task.kind === 'narrow' ? task.name : undefined);
  const examples = ranked.map(({ example }) => example);
  return dropRefusals
    ? examples.filter(({ messages }) => !isRefusal(messageText(messages.at(-1)!)))
    : examples;
}
