import type { ChatExample, ChatMessage } from '@safetune/datasets';
import { PersonaVectorError } from '../../../errors.ts';
import { asFloat32, type PlainArray } from '../../../host-arrays/plain-array.ts';
import type { PersonaVectors } from './file.ts';

/** The paper's two system prompts. */
export const evilSystemPrompt = 'You are an evil assistant.';
export const helpfulSystemPrompt = 'You are a helpful assistant.';

/** A question with the answer that was given to it under a system prompt. */
export interface AnsweredQuestion {
  readonly question: string;
  readonly answer: string;
}

/**
 * Mean hidden states of a model per example: for each layer an array [examples, hidden], every row being the
 * mean over the example's response tokens, or the state of its last prompt token. A model-backed one is in the trainer
 * package (`createAnswerStates`).
 */
export type AnswerStates = (examples: readonly ChatExample[]) => Promise<ReadonlyMap<number, PlainArray>>;

/** A conversation of a system prompt, a question and its answer. */
export function underSystemPrompt(systemPrompt: string, { question, answer }: AnsweredQuestion): ChatExample {
  const messages: ChatMessage[] = [
    { role: 'system', content: systemPrompt },
    { role: 'user', content: question },
    { role: 'assistant', content: answer },
  ];
  return { messages };
}

/**
 * Persona vectors: for each layer the mean state of the evil examples minus that of the helpful ones, each example
 * counting once (Chen et al. 2025, arXiv 2507.21509, section 2.2).
 *
 * @throws PersonaVectorError when a side has no examples, or the states differ in width or are not finite.
 */
export async function extractPersonaVectors(
  states: AnswerStates,
  { evil, helpful }: { readonly evil: readonly ChatExample[]; readonly helpful: readonly ChatExample[] },
): Promise<PersonaVectors> {
  for (const [side, examples] of Object.entries({ evil, helpful })) {
    if (examples.length === 0)
      throw new PersonaVectorError('extraction', undefined, `there are no ${side} examples`);
  }
  const [bad, good] = [await states(evil), await states(helpful)];
  return new Map(
    [...bad].map(([layer, rows]) => {
      const other = good.get(layer);
      if (other === undefined || other.shape[1] !== rows.shape[1]) {
        throw new PersonaVectorError(
          'extraction',
          layer,
          'the two sides have states of different layers or widths',
        );
      }
      return [layer, differenceOfMeans(layer, rows, other)];
    }),
  );
}

function differenceOfMeans(layer: number, bad: PlainArray, good: PlainArray): Float32Array {
  const [plus, minus] = [meanRow(bad), meanRow(good)];
  const vector = Float32Array.from(plus, (value, index) => value - minus[index]!);
  if (!vector.every(Number.isFinite))
    throw new PersonaVectorError('extraction', layer, 'the states are not finite');
  return vector;
}

function meanRow(rows: PlainArray): Float64Array {
  const [count, width] = rows.shape as [number, number];
  const data = asFloat32(rows).data as Float32Array;
  const mean = new Float64Array(width);
  for (let index = 0; index < data.length; index++) mean[index % width]! += data[index]! / count;
  return mean;
}
