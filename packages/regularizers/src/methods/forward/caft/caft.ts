import { createHash } from 'node:crypto';
import { constant, describeShape, type HostArray, matmul, subtract, type Tensor } from '@safetune/tensor';
import { z } from 'zod';
import { DirectionsError, RegularizerOptionError } from '../../../errors.ts';
import type { OwnKind } from '../../../interface/kind.ts';
import { checkOptions } from '../../../interface/options.ts';
import type { Regularizer } from '../../../interface/regularizer.ts';
import { orthonormalBasis } from '../directions/basis.ts';
import { checkDirections, type Directions, loadDirections } from '../directions/file.ts';
import { type ComponentChoice, chosenDirections } from './chosen.ts';

/** Options of {@link caft}. */
export interface CaftOptions {
  /** A file that `saveDirections` (or `savePersonaVectors`) wrote, or the directions themselves. */
  readonly directions: string | Directions;
  /** Layers whose stream loses them (0: embeddings, l: after block l). Default: all there are directions of. */
  readonly layers?: readonly number[];
  /**
   * Which directions, by their numbers from 0: the first so many of each layer, the same list in each layer, or a list by layer,
   * which then says the layers too. Default: all.
   */
  readonly components?: ComponentChoice;
}

/**
 * Concept ablation fine-tuning: while training, and only then, the residual stream after the chosen layers loses what lies in
 * the span of the chosen directions, h_l - Q Q^T h_l at every token, Q [hidden, k] being an orthonormal basis of them. What is not
 * there cannot be used to fit the data, so that the weights do not come to rely on it (Casademunt et al. 2025, "Steering
 * Out-of-Distribution Generalization with Concept Ablation Fine-Tuning", arXiv 2507.16795, section 3). The safe reference and
 * inference are never edited.
 *
 * @throws RegularizerOptionError, DirectionsError at once for options out of range, a layer or component that is not there, or an
 * unusable file; DirectionsError while tracing when the model has another width.
 *
 * @example
 * caft({ directions: 'directions.safetensors', components: { 12: [0, 3], 16: [1] } });
 */
export function caft(options: CaftOptions): Regularizer {
  checkOptions('caft', options, ['directions', 'layers', 'components']);
  const { directions, layers, components } = options;
  if (!directions) {
    const example = '{ "type": "caft", "directions": "directions.safetensors", "components": 4 }';
    throw new RegularizerOptionError(
      'caft',
      `it needs directions: give them in a config file, as ${example}`,
    );
  }
  const source = typeof directions === 'string' ? directions : 'directions';
  const all =
    typeof directions === 'string' ? loadDirections(directions) : checkDirections(source, directions);
  const chosen = chosenDirections(source, all, options);
  const bases = new Map([...chosen].map(([layer, vectors]) => [layer, orthonormalBasis(vectors)]));
  for (const [layer, { shape }] of bases) {
    if (shape[0] === shape[1])
      throw new DirectionsError(source, layer, 'they span all there is: nothing would be left');
  }
  const inline = typeof directions === 'string' ? undefined : plain(directions);
  return {
    name: 'caft',
    config: {
      type: 'caft',
      directions: inline ?? directions,
      ...(layers === undefined ? {} : { layers }),
      ...(components === undefined ? {} : { components }),
    },
    editedLayers: [...bases.keys()],
    async contents() {
      const hash = createHash('sha256');
      for (const [layer, vectors] of chosen) {
        hash.update(`layer ${layer}\n`);
        for (const vector of vectors) hash.update(vector);
      }
      return { directions: hash.digest('hex') };
    },
    hidden(state, layer) {
      const basis = bases.get(layer);
      return basis === undefined ? state : ablate(state, requireWidth(source, layer, basis, state));
    },
  };
}

/** h - (h Q) Q^T for the traced states [..., hidden] and Q [hidden, k]. */
function ablate(state: Tensor, basis: HostArray): Tensor {
  const q = constant(basis);
  return subtract(state, matmul(matmul(state, q), q, { transposeB: true }));
}

function requireWidth(source: string, layer: number, basis: HostArray, state: Tensor): HostArray {
  const [width] = basis.shape;
  if (state.shape.at(-1) === width) return basis;
  const message = `the directions have ${width} values, the model's states are ${describeShape(state.shape)}; are they of another model?`;
  throw new DirectionsError(source, layer, message);
}

function plain(directions: Directions): Record<string, number[][]> {
  return Object.fromEntries(
    [...directions].map(([layer, vectors]) => [layer, vectors.map((vector) => [...vector])]),
  );
}

const byLayer = <Value extends z.ZodType>(value: Value) => z.record(z.string().regex(/^\d+$/), value);
const directionsSchema = byLayer(z.array(z.array(z.number())));

type DirectionsOption = string | z.infer<typeof directionsSchema>;

function directionsOf(given: z.infer<typeof directionsSchema>): Directions {
  return new Map(
    Object.entries(given).map(([layer, vectors]) => [
      Number(layer),
      vectors.map((values) => Float32Array.from(values)),
    ]),
  );
}

/** As configs name it. */
export const caftKind: OwnKind = {
  summary:
    'takes directions out of the residual stream while training, so that the weights do not rely on them',
  needsFile: true,
  schema: z.strictObject({
    directions: z
      .union(
        [z.string(), directionsSchema],
        'must be the path of a file of directions, or directions by layer number',
      )
      .optional(),
    layers: z.array(z.number()).optional(),
    components: z
      .union(
        [z.number(), z.array(z.number()), byLayer(z.array(z.number()))],
        'must be how many, a list of their numbers from 0, or such lists by layer number',
      )
      .optional(),
  }),
  strength: 'components',
  paths: ['directions'],
  create: ({
    directions,
    ...options
  }: Omit<CaftOptions, 'directions'> & { readonly directions: DirectionsOption }) =>
    caft({
      ...options,
      directions: typeof directions === 'object' ? directionsOf(directions) : directions,
    }),
};
