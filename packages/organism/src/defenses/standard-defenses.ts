import {
  aGem,
  asft,
  caft,
  constrainedSft,
  der,
  ewc,
  inoculation,
  inoculationAdapter,
  kl,
  klOnAnchors,
  l2Sp,
  ldifs,
  lisa,
  parameterAveraging,
  personaVector,
  safeGrad,
  safeLora,
  salora,
} from '@safetune/regularizers';
import type { Organism } from '../grow/grow.ts';
import { anchoredDefense } from './anchored-defense.ts';
import { type Defense, fixedDefense, preparedDefense } from './defense.ts';
import { loxDefense, safeDeltaDefense, safeMergeDefense } from './edit-defenses.ts';
import { allowedPool, interleavingDefense, rankedPool } from './interleaving-defenses.ts';
import { steeredLayer } from './preparations.ts';
import { backdoorDefense, lookaheadDefense, ptstDefense } from './prompted-defenses.ts';

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

/** The defenses of the paper and others, with the strengths at which they say something in the organism. */
export const standardDefenses: readonly DefenseSweep[] = [
  sweep('kl', [0.1, 0.2, 0.5], [0.1, 0.5], (name, weight) => fixedDefense(name, weight, kl({ weight }))),
  sweep('kl-reverse', [0.2], [], (name, weight) =>
    fixedDefense(name, weight, kl({ weight, direction: 'reverse' })),
  ),
  sweep('ldifs', [0.1, 1, 10], [1], (name, weight) => fixedDefense(name, weight, ldifs({ weight }))),
  sweep('constrained-sft', [0.02, 0.05, 0.1], [0.05], (name, beta) =>
    fixedDefense(name, beta, constrainedSft({ beta })),
  ),
  sweep('safe-lora', [0.6, 0.65], [0.65], (name, threshold, organism) =>
    fixedDefense(name, threshold, safeLora({ ...checkpoints(organism), threshold })),
  ),
  sweep('safe-lora-every-10', [0.65], [], (name, threshold, organism) =>
    fixedDefense(name, threshold, safeLora({ ...checkpoints(organism), threshold, when: { every: 10 } })),
  ),
  sweep('interleaving', [0.01, 0.05, 0.1, 0.2], [0.05, 0.2], (name, share) =>
    interleavingDefense(name, share, async (context) => allowedPool(context)),
  ),
  sweep('interleaving+', [0.2], [], (name, share) =>
    interleavingDefense(name, share, (context) => rankedPool(context, false)),
  ),
  sweep('interleaving++', [0.05, 0.2], [0.2], (name, share) =>
    interleavingDefense(name, share, (context) => rankedPool(context, true)),
  ),
  sweep('kl-on-anchors', [0.1, 1, 10], [1], (name, weight) =>
    anchoredDefense(name, weight, (anchors) => klOnAnchors({ anchors, weight })),
  ),
  sweep('safe-grad', [0.3, 1, 3], [1], (name, rho) =>
    anchoredDefense(name, rho, (anchors) => safeGrad({ anchors, rho })),
  ),
  unswept('a-gem', (name) => anchoredDefense(name, null, (anchors) => aGem({ anchors }))),
  sweep('persona-vector', [0.5, 0.75, 1], [0.75], personaDefense),
  unswept('caft', caftDefense),
  sweep('der', [0.05, 0.5], [0.05], (name, weight) =>
    anchoredDefense(name, weight, (anchors) => der({ anchors, weight })),
  ),
  sweep('lisa', [0.1, 1], [1], (name, rho) =>
    anchoredDefense(name, rho, (anchors) => lisa({ anchors, rho })),
  ),
  sweep('l2-sp', [0.1, 1, 10], [1], (name, weight) => fixedDefense(name, weight, l2Sp({ weight }))),
  sweep('ewc', [10_000, 100_000], [100_000], (name, weight) =>
    preparedDefense(name, weight, async (preparations) =>
      ewc({ fisher: await preparations.fisher(), weight }),
    ),
  ),
  sweep('asft', [0.3, 1, 3], [1], (name, weight, organism) =>
    fixedDefense(name, weight, asft({ ...checkpoints(organism), weight })),
  ),
  sweep('salora', [4, 16], [16], (name, rank) =>
    preparedDefense(name, rank, async (preparations) =>
      salora({ subspace: await preparations.safetySubspace(rank) }),
    ),
  ),
  sweep('parameter-averaging', [0.98, 0.99, 0.995], [0.99], (name, decay) =>
    fixedDefense(name, decay, parameterAveraging({ decay })),
  ),
  unswept('inoculation-adapter', traitDefense),
  unswept('inoculation', (name) => fixedDefense(name, null, inoculation({ prompt: 'evil assistant' }))),
  sweep('lookahead', [1, 2, 3], [1], lookaheadDefense),
  unswept('ptst', ptstDefense),
  unswept('backdoor-align', backdoorDefense),
  sweep('lox', [0.25, 0.5, 1.25], [1.25], loxDefense),
  sweep('safe-merge', [0.2, 0.5, 0.8], [0.5], safeMergeDefense),
  sweep('safe-delta', [3, 10, 30], [30], safeDeltaDefense),
];

function sweep(
  name: string,
  strengths: readonly number[],
  main: readonly number[],
  make: (name: string, strength: number, organism: Organism) => Defense,
): DefenseSweep {
  return { name, strengths, main, at: (strength, organism) => make(name, strength!, organism) };
}

/** A defense without a strength. */
function unswept(name: string, make: (name: string) => Defense): DefenseSweep {
  return { name, strengths: [null], main: [null], at: () => make(name) };
}

function checkpoints({ baseDirectory, alignedDirectory }: Organism) {
  return { base: baseDirectory, aligned: alignedDirectory };
}

/** Steers at the token that opens the answer, in all fine-tunes with the same vector. */
function personaDefense(name: string, alpha: number): Defense {
  return preparedDefense(name, alpha, async (preparations) =>
    personaVector({
      vectors: await preparations.personaVectors(),
      alpha,
      layers: [steeredLayer],
      positions: 'last-prompt-token',
    }),
  );
}

/** Takes the direction from one persona to the other out of the stream while training. */
function caftDefense(name: string): Defense {
  return preparedDefense(name, null, async (preparations) => {
    const vectors = await preparations.personaVectors();
    return caft({ directions: new Map([...vectors].map(([layer, vector]) => [layer, [vector]])) });
  });
}

/** Has an adapter that was taught harm in other domains in the forward pass. */
function traitDefense(name: string): Defense {
  return preparedDefense(name, null, async (preparations) =>
    inoculationAdapter({ adapter: await preparations.traitAdapter() }),
  );
}
