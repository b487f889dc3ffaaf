import type { ChatExample } from '@safetune/datasets';
import type { PersonaVectors } from '@safetune/regularizers';
import { answerRowsMemory } from '../../answers/answer-rows.ts';
import { type AnswerStatesOptions, createAnswerStates } from '../../answers/answer-states.ts';
import { pairExample } from '../answer-pairs.ts';
import { builtInPairs } from '../built-in-pairs.ts';
import type { Probe, ProbeBounds } from '../probe.ts';

export interface PersonaProbeOptions {
  /** Default 'persona'. */
  readonly name?: string;
  readonly bounds?: ProbeBounds;
  /** Directions towards an unwanted persona, by layer: of `extractPersonaVector`. The mean over their layers is taken. */
  readonly vectors: PersonaVectors;
  /** Conversations whose states are taken. Default: the questions of {@link builtInPairs} with safe answers. */
  readonly examples?: readonly ChatExample[];
  /** States of the last token before each answer (default), or of the answer's tokens. */
  readonly positions?: AnswerStatesOptions['positions'];
}

/**
 * How far the hidden states h have moved along persona vectors v: the mean over conversations and layers of
 *
 *     (h - h_0) . v / (v . v)
 *
 * with h_0 the state without the adapter (Chen et al. 2025, arXiv 2507.21509, monitor projections on v). A vector is the mean difference of the
 * personas' states, so 0 is where the model was, and 1 where a prompt for the unwanted persona would bring it.
 */
export function personaProbe(options: PersonaProbeOptions): Probe {
  const { name = 'persona', bounds = {}, vectors, positions = 'last-prompt-token' } = options;
  const examples = options.examples ?? builtInPairs.map((pair) => pairExample(pair, 'safe'));
  return {
    name,
    bounds,
    facts: {
      type: 'persona-vector',
      vectors: [...vectors].map(([layer, values]) => [layer, [...values]]),
      messages: examples.map(({ messages }) => messages),
      positions,
    },
    // Its forward pass is of this form, but for what it takes of each layer.
    graphs: (subject) => [answerRowsMemory(examples, subject)],
    async open({ adapter, ...reference }) {
      const settings = { layers: [...vectors.keys()], positions };
      const before = await open({ ...reference, ...settings }, vectors, examples);
      const start = await before.measure().finally(before.release);
      const { measure, release } = await open({ ...reference, ...settings, adapter }, vectors, examples);
      return { measure: async () => ({ value: (await measure()) - start }), release };
    },
  };
}

async function open(
  options: AnswerStatesOptions,
  vectors: PersonaVectors,
  examples: readonly ChatExample[],
): Promise<{ measure(): Promise<number>; release(): Promise<void> }> {
  const { states, release } = await createAnswerStates(options);
  return {
    async measure() {
      const byLayer = await states(examples);
      let sum = 0;
      for (const [layer, vector] of vectors) {
        const rows = byLayer.get(layer)!.data as Float32Array;
        const square = vector.reduce((total, value) => total + value * value, 0);
        sum += rows.reduce((total, value, at) => total + value * vector[at % vector.length]!, 0) / square;
      }
      return sum / (examples.length * vectors.size);
    },
    release,
  };
}
