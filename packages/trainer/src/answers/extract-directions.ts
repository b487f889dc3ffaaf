import type { ChatExample } from '@safetune/datasets';
import { type Directions, principalComponents } from '@safetune/regularizers';
import { TrainOptionError } from '../errors.ts';
import { answerTokenStates, type TokenStates, type TokenStatesOptions } from './token-states.ts';

/** Options of {@link extractDirections}. */
export interface ExtractDirectionsOptions extends TokenStatesOptions {
  /** Conversations whose answers are read: general ones, not those that are trained on. */
  readonly examples: readonly ChatExample[];
  /** Principal components of each layer. Default 20 (the authors'). */
  readonly components?: number;
}

/** A principal component as one looks at it, to say what it stands for. */
export interface FoundComponent {
  readonly layer: number;
  /** Its number in the layer, from 0. */
  readonly component: number;
  /** Share of the variance of the states that lies along it, 0 to 1. */
  readonly share: number;
  /** Places of the examples by how far their answers lie along it, the furthest first; the mean over an answer's tokens counts. */
  readonly order: readonly number[];
}

/** What {@link extractDirections} found. */
export interface ExtractedDirections {
  readonly directions: Directions;
  /** Of every layer, the largest share first. */
  readonly components: readonly FoundComponent[];
  /** How many tokens of answers they are of. */
  readonly tokens: number;
}

/**
 * The directions for concept ablation: in each layer the principal components of what an adapter that went bad changes in the
 * residual stream at the tokens of answers, or of the stream itself without an adapter (Casademunt et al. 2025, arXiv 2507.16795,
 * section 3.1). Which of them stand for the unwanted concept is for you to see: each comes with the answers that lie furthest along it.
 *
 * @throws TrainOptionError without examples, or for counts that are no positive integers; DirectionsError when the states vary in
 * fewer directions than are asked for, as those of an adapter without effect; what `answerTokenStates` throws.
 *
 * @example
 * const { directions } = await extractDirections({ model, tokenizer, adapter, examples, layers: [16], components: 10 });
 * await saveDirections('directions.safetensors', directions);
 */
export async function extractDirections(options: ExtractDirectionsOptions): Promise<ExtractedDirections> {
  const { examples, components = 20, maxTokens = 8192 } = options;
  if (examples.length === 0) throw new TrainOptionError('examples', 'there are none');
  for (const [option, value] of Object.entries({ components, maxTokens })) {
    if (!Number.isInteger(value) || value < 1)
      throw new TrainOptionError(option, `${value} must be a positive integer`);
  }
  const found = await answerTokenStates(examples, options);
  const directions = new Map<number, readonly Float32Array[]>();
  const told: FoundComponent[] = [];
  for (const [layer, states] of found.states) {
    const principal = await principalComponents(states, components, 'extraction', layer);
    directions.set(layer, principal.directions);
    for (const [component, direction] of principal.directions.entries()) {
      const order = orderAlong(direction, states.data as Float32Array, found);
      told.push({ layer, component, share: principal.shares[component]!, order });
    }
  }
  return { directions, components: told, tokens: found.exampleOfToken.length };
}

/** Examples by the mean projection of their tokens, largest first; examples without a token are left out. */
function orderAlong(
  direction: Float32Array,
  states: Float32Array,
  { exampleOfToken }: Pick<TokenStates, 'exampleOfToken'>,
): number[] {
  const sums = new Map<number, { total: number; count: number }>();
  for (const [row, example] of exampleOfToken.entries()) {
    const start = row * direction.length;
    let projection = 0;
    for (const [index, value] of direction.entries()) projection += value * states[start + index]!;
    const { total, count } = sums.get(example) ?? { total: 0, count: 0 };
    sums.set(example, { total: total + projection, count: count + 1 });
  }
  return [...sums]
    .map(([example, { total, count }]) => ({ example, mean: total / count }))
    .sort((a, b) => b.mean - a.mean)
    .map(({ example }) => example);
}
