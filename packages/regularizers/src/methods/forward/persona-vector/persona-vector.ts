import { createHash } from 'node:crypto';
import {
  add,
  constant,
  describeShape,
  hostArray,
  multiply,
  pad,
  reshape,
  slice,
  subtract,
  type Tensor,
} from '@safetune/tensor';
import { z } from 'zod';
import { PersonaVectorError, RegularizerOptionError } from '../../../errors.ts';
import type { OwnKind } from '../../../interface/kind.ts';
import { checkChoice, checkOptions } from '../../../interface/options.ts';
import type { Regularizer, TracedBatch } from '../../../interface/regularizer.ts';
import { checkPersonaVectors, loadPersonaVectors, type PersonaVectors } from './file.ts';

/** Where in the sequence the vector is added. */
export type SteeredPositions = 'all' | 'response' | 'last-prompt-token';

/** Options of {@link personaVector}. */
export interface PersonaVectorOptions {
  /** A file that `savePersonaVectors` wrote, or the vectors themselves. */
  readonly vectors: string | PersonaVectors;
  /** Factor on the vector, of either sign. Default 5 (the paper's). */
  readonly alpha?: number;
  /** Layers to steer (0: embeddings, l: after block l). May be left out when there is a vector of one layer only. */
  readonly layers?: readonly number[];
  /**
   * 'all' (default): every token; 'response': the tokens of answers; 'last-prompt-token': the one token before each
   * answer, whose state decides how the answer begins.
   */
  readonly positions?: SteeredPositions;
}

/**
 * Preventive steering by persona vectors: while training, and only then, the residual stream after the chosen layers
 * becomes h_l + alpha e_l, e_l being the direction of the bad persona. Pushed there already, the model need not learn to
 * go there (Kaczér et al. 2026, arXiv 2508.06249, section 3, after Chen et al. 2025, "Persona Vectors", arXiv 2507.21509).
 * The safe reference and inference are never steered.
 *
 * @throws RegularizerOptionError, PersonaVectorError at once for options out of range, a layer without a vector, or an
 * unusable file; PersonaVectorError while tracing when the model has another width.
 *
 * @example
 * personaVector({ vectors: 'evil.safetensors', layers: [16], alpha: 5 });
 */
export function personaVector(options: PersonaVectorOptions): Regularizer {
  checkOptions('persona-vector', options, ['vectors', 'alpha', 'layers', 'positions']);
  const { alpha = 5, positions = 'all' } = options;
  checkChoice('persona-vector', 'positions', positions, ['all', 'response', 'last-prompt-token']);
  if (!Number.isFinite(alpha))
    throw new RegularizerOptionError('persona-vector', `alpha is ${alpha}, must be a number`);
  if (!options.vectors) {
    const example = '{ "type": "persona-vector", "vectors": "evil.safetensors", "layers": [16], "alpha": 5 }';
    throw new RegularizerOptionError(
      'persona-vector',
      `it needs vectors: give them in a config file, as ${example}`,
    );
  }
  const source = typeof options.vectors === 'string' ? options.vectors : 'persona vectors';
  const vectors =
    typeof options.vectors === 'string'
      ? loadPersonaVectors(options.vectors)
      : checkPersonaVectors(source, options.vectors);
  const layers = chooseLayers(source, vectors, options.layers);
  return {
    name: 'persona-vector',
    config: { type: 'persona-vector', vectors: plain(options.vectors, layers), alpha, layers, positions },
    editedLayers: layers,
    async contents() {
      const hash = createHash('sha256');
      for (const layer of layers) hash.update(vectors.get(layer)!);
      return { vectors: hash.digest('hex') };
    },
    hidden(state, layer, batch) {
      const vector = layers.includes(layer) ? vectors.get(layer)! : undefined;
      return vector === undefined || alpha === 0
        ? state
        : steer(state, scaled(source, layer, vector, state, alpha), positions, batch);
    },
  };
}

function chooseLayers(
  source: string,
  vectors: PersonaVectors,
  layers?: readonly number[],
): readonly number[] {
  const present = [...vectors.keys()];
  if (layers === undefined) {
    if (present.length === 1) return present;
    const message = `there are vectors of layers ${present.join(', ')}; say which to steer, such as layers: [${present.at(-1)}]`;
    throw new RegularizerOptionError('persona-vector', message);
  }
  if (layers.length === 0) throw new RegularizerOptionError('persona-vector', 'the list of layers is empty');
  const missing = layers.find((layer) => !vectors.has(layer));
  if (missing !== undefined) {
    throw new PersonaVectorError(
      source,
      missing,
      `there is no vector of this layer, only of ${present.join(', ')}`,
    );
  }
  return layers;
}

/** alpha e_l as a traced constant [hidden]. */
function scaled(source: string, layer: number, vector: Float32Array, state: Tensor, alpha: number): Tensor {
  const width = state.shape.at(-1);
  if (width !== vector.length) {
    const message = `the vector has ${vector.length} values, the model's states are ${describeShape(state.shape)}; is it of another model?`;
    throw new PersonaVectorError(source, layer, message);
  }
  return constant(
    hostArray(
      vector.map((value) => alpha * value),
      [vector.length],
    ),
  );
}

function steer(state: Tensor, step: Tensor, positions: SteeredPositions, batch: TracedBatch): Tensor {
  if (positions === 'all') return add(state, step);
  const { tokenResponseMask } = batch;
  const mask = positions === 'response' ? tokenResponseMask : beforeResponses(tokenResponseMask);
  return add(state, multiply(reshape(mask, [...mask.shape, 1]), step));
}

/** 1 at each token that is not of a response while the next one is; [batch, seq]. */
export function beforeResponses(tokenResponseMask: Tensor): Tensor {
  const next = pad(slice(tokenResponseMask, 1, 1), 1, 0, 1);
  return multiply(reshape(next, tokenResponseMask.shape), subtract(1, tokenResponseMask));
}

/** Vectors as a config holds them: a path, or the steered ones as plain numbers. */
function plain(
  vectors: string | PersonaVectors,
  layers: readonly number[],
): string | Record<string, number[]> {
  if (typeof vectors === 'string') return vectors;
  return Object.fromEntries(layers.map((layer) => [layer, [...vectors.get(layer)!]]));
}

const vectorsSchema = z.record(z.string().regex(/^\d+$/), z.array(z.number()));

type VectorsOption = string | z.infer<typeof vectorsSchema>;

function vectorsByLayer(byLayer: z.infer<typeof vectorsSchema>): Map<number, Float32Array> {
  return new Map(
    Object.entries(byLayer).map(([layer, values]) => [Number(layer), Float32Array.from(values)]),
  );
}

/** As configs name it. */
export const personaVectorKind: OwnKind = {
  summary: 'steers towards a bad persona while training, so that the weights need not learn it',
  needsFile: true,
  schema: z.strictObject({
    vectors: z
      .union(
        [z.string(), vectorsSchema],
        'must be the path of a file of persona vectors, or vectors by layer number',
      )
      .optional(),
    alpha: z.number().optional(),
    layers: z.array(z.number()).optional(),
    positions: z.enum(['all', 'response', 'last-prompt-token']).optional(),
  }),
  strength: 'alpha',
  paths: ['vectors'],
  create: ({
    vectors,
    ...options
  }: Omit<PersonaVectorOptions, 'vectors'> & { readonly vectors: VectorsOption }) =>
    personaVector({
      ...options,
      vectors: typeof vectors === 'object' ? vectorsByLayer(vectors) : vectors,
    }),
};
