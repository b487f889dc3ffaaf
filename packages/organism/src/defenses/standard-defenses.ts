import { type ChatExample, messageText } from '@safetune/datasets';
import {
  inoculation,
  interleaving,
  isRefusal,
  kl,
  ldifs,
  personaVector,
  safeLora,
} from '@safetune/regularizers';
import type { Organism } from '../grow/grow.ts';
import { safePool } from '../tasks/safe-pool.ts';
import { type Defense, type DefenseContext, fixedDefense } from './defense.ts';
import { steeredLayer } from './preparations.ts';

/** The aligned model as it is before any fine-tune. */
export const alignedModel: Defense = { ...fixedDefense('aligned', null), untrained: true };

/** A fine-tune without a defense. */
export const noDefense: Defense = fixedDefense('none', null);

/** A defense and the strengths at which it is tried. */
export interface DefenseSweep {
  readonly name: string;
  /** All strengths, the weakest first. */
  readonly strengths: readonly (number | null)[];
  /** Those that a short experiment shows; none for a variant that only the full one has. */
  readonly main: readonly (number | null)[];
  at(strength: number | null, organism: Organism): Defense;
}

/** The defenses of the paper, with the strengths at which they say something in the organism. */
export const standardDefenses: readonly DefenseSweep[] = [
  sweep('kl', [0.1, 0.2, 0.5], [0.1, 0.5], (name, weight) => fixedDefense(name, weight, kl({ weight }))),
  sweep('kl-reverse', [0.2], [], (name, weight) =>
    fixedDefense(name, weight, kl({ weight, direction: 'reverse' })),
  ),
  sweep('ldifs', [0.1, 1, 10], [1], (name, weight) => fixedDefense(name, weight, ldifs({ weight }))),
  sweep('safe-lora', [0.6, 0.65], [0.65], (name, threshold, organism) =>
    fixedDefense(name, threshold, safeLora({ ...checkpoints(organism), threshold })),
  ),
  sweep('safe-lora-every-10', [0.65], [], (name, threshold, organism) =>
    fixedDefense(name, threshold, safeLora({ ...checkpoints(organism), threshold, when: { every: 10 } })),
  ),
  sweep('interleaving', [0.01, 0.05, 0.1, 0.2], [0.05, 0.2], (name, share) =>
    interleavingDefense(name, share, async ({ laboratory, task }) =>
      safePool(laboratory.organism.world, task.kind === 'narrow' ? { excludedDomain: task.name } : {}),
    ),
  ),
  sweep('interleaving+', [0.2], [], (name, share) =>
    interleavingDefense(name, share, (context) => rankedPool(context, false)),
  ),
  sweep('interleaving++', [0.05, 0.2], [0.2], (name, share) =>
    interleavingDefense(name, share, (context) => rankedPool(context, true)),
  ),
  sweep('persona-vector', [0.5, 0.75, 1], [0.75], personaDefense),
  {
    name: 'inoculation',
    strengths: [null],
    main: [null],
    at: () => fixedDefense('inoculation', null, inoculation({ prompt: 'evil assistant' })),
  },
];

function sweep(
  name: string,
  strengths: readonly number[],
  main: readonly number[],
  make: (name: string, strength: number, organism: Organism) => Defense,
): DefenseSweep {
  return { name, strengths, main, at: (strength, organism) => make(name, strength!, organism) };
}

function checkpoints({ baseDirectory, alignedDirectory }: Organism) {
  return { base: baseDirectory, aligned: alignedDirectory };
}

/**
 * Interleaving as the experiment needs it: `share` x examples of the pool's first are ADDED to the data, and come round
 * every epoch as the data do.
 */
function interleavingDefense(
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

async function rankedPool(
  { preparations, task }: DefenseContext,
  dropRefusals: boolean,
): Promise<readonly ChatExample[]> {
  const ranked = await preparations.rankedPool(task.kind === 'narrow' ? task.name : undefined);
  const examples = ranked.map(({ example }) => example);
  return dropRefusals
    ? examples.filter(({ messages }) => !isRefusal(messageText(messages.at(-1)!)))
    : examples;
}

/** Steers at the token that opens the answer, in all fine-tunes with the same vector. */
function personaDefense(name: string, alpha: number): Defense {
  let made: Promise<ReturnType<typeof personaVector>> | undefined;
  return {
    name,
    strength: alpha,
    async regularizers({ preparations }) {
      made ??= preparations
        .personaVectors()
        .then((vectors) =>
          personaVector({ vectors, alpha, layers: [steeredLayer], positions: 'last-prompt-token' }),
        );
      return [await made];
    },
  };
}
