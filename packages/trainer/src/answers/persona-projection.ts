import type { ChatExample } from '@safetune/datasets';
import type { PersonaVectors } from '@safetune/regularizers';
import { type AnswerStatesOptions, createAnswerStates } from './answer-states.ts';

/** Options of {@link createPersonaProjection}. */
export interface PersonaProjectionOptions extends Omit<AnswerStatesOptions, 'layers'> {
  /** The directions, by layer. */
  readonly vectors: PersonaVectors;
}

/**
 * How far answers lie along a persona: the mean residual stream of an example's response tokens on the unit vector of each layer's
 * direction, averaged over these layers (Chen et al. 2025, "Persona Vectors", arXiv 2507.21509, section 5, without the difference
 * to the model's own answers). In the residual stream's own units: compare examples of one model only.
 *
 * @throws what {@link createAnswerStates} throws; TypeError when a vector has another width than the model.
 */
export async function createPersonaProjection({ vectors, ...options }: PersonaProjectionOptions): Promise<{
  projections(examples: readonly ChatExample[]): Promise<Float64Array>;
  release(): Promise<void>;
}> {
  const width = options.model.config.hiddenSize;
  for (const [layer, vector] of vectors) {
    if (vector.length === width) continue;
    throw new TypeError(
      `the persona vector of layer ${layer} has ${vector.length} values, the model's states have ${width}: it is of another model`,
    );
  }
  const units = [...vectors].map(([layer, vector]) => {
    const norm = Math.hypot(...vector);
    return [layer, Float64Array.from(vector, (value) => value / norm)] as const;
  });
  const { states, release } = await createAnswerStates({ ...options, layers: [...vectors.keys()] });
  return {
    release,
    async projections(examples) {
      const result = new Float64Array(examples.length);
      const found = await states(examples);
      for (const [layer, unit] of units) {
        const rows = found.get(layer)!.data as Float32Array;
        for (const example of result.keys()) {
          const row = rows.subarray(example * width, (example + 1) * width);
          const dot = row.reduce((sum, value, place) => sum + value * unit[place]!, 0);
          result[example]! += dot / units.length;
        }
      }
      return result;
    },
  };
}
