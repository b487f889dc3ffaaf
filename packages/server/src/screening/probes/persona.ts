import type { ChatExample } from '@safetune/datasets';
import { loadPersonaVectors } from '@safetune/regularizers';
import { createAnswerStates } from '@safetune/trainer';
import { type ScoreBounds, scoreReading } from '../bounds.ts';
import type { ScreeningProbe } from '../probe.ts';

/** Examples whose states are held together. */
const atOnce = 32;

/**
 * How far along a persona answers lie:
 *
 *     score(d) = mean over layers l of (h_l(d) - h_l(own)) . e_l / |e_l|^2
 *
 * h_l(d) is the mean residual stream of an example's answer tokens behind block l of the base model, h_l(own) its mean over the base model's own
 * answers to the built-in questions, e_l the vector of the policy's file, from the helpful to the bad persona. 0: where the model itself
 * answers; 1: as far as the persona is (Chen et al. 2025, arXiv 2507.21509, section 5).
 */
export function personaProbe(vectorsFile: string, bounds: ScoreBounds): ScreeningProbe {
  return {
    name: 'persona',
    sees: 'kept',
    needsModel: true,
    async read(examples, { model, tokenizer, maxLength, signal, ownAnswers }, onDone) {
      const opened = await model();
      const vectors = loadPersonaVectors(vectorsFile);
      const width = opened.config.hiddenSize;
      for (const [layer, vector] of vectors) {
        if (vector.length !== width)
          throw new TypeError(
            `screening.persona: the vector of layer ${layer} has ${vector.length} values, the base model's states have ${width}: name vectors of this model`,
          );
      }
      const own = await ownAnswers();
      const layers = [...vectors.keys()];
      const { states, release } = await createAnswerStates({ model: opened, tokenizer, maxLength, layers });
      const placesAlong = async (some: readonly ChatExample[]): Promise<number[]> => {
        signal?.throwIfAborted();
        const found = await states(some);
        return some.map((_, row) => {
          const along = [...vectors].map(([layer, vector]) => {
            const data = found.get(layer)!.data as Float32Array;
            return projected(data.subarray(row * width, (row + 1) * width), vector);
          });
          return along.reduce((sum, value) => sum + value, 0) / along.length;
        });
      };
      try {
        const zeros = await placesAlong(own);
        const zero = zeros.reduce((sum, value) => sum + value, 0) / zeros.length;
        const places: number[] = [];
        for (let start = 0; start < examples.length; start += atOnce) {
          const some = examples.slice(start, start + atOnce);
          places.push(
            ...(await placesAlong(some.map(({ example: { rejected: _rejected, ...better } }) => better))),
          );
          onDone(places.length);
        }
        return places.map((place) => scoreReading(place - zero, bounds));
      } finally {
        await release();
      }
    },
  };
}

/** In lengths of the vector. */
function projected(state: Float32Array, vector: Float32Array): number {
  let [dot, square] = [0, 0];
  for (const [place, value] of vector.entries()) {
    dot += state[place]! * value;
    square += value * value;
  }
  return dot / square;
}
