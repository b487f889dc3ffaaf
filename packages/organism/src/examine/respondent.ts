import { answerChats, type ChatMessage, createGenerator, loadModel, loadTokenizer } from '@safetune/models';
import { withSystemPrompt } from '@safetune/regularizers';
import type { RuntimeOptions } from '@safetune/tensor';
import type { Organism } from '../grow/grow.ts';

/** How answers are drawn. */
export interface AnswerOptions {
  readonly maxNewTokens: number;
  /** 0 (greedy), or above it with one seed a conversation. */
  readonly temperature: number;
  readonly seeds?: readonly number[];
  readonly signal?: AbortSignal;
}

/** A model of an organism that can be asked: the aligned one under an adapter, or another after an edit of its weights. */
export interface Respondent {
  readonly organism: Organism;
  /** Answers of the model as it is now. */
  answer(conversations: readonly (readonly ChatMessage[])[], options: AnswerOptions): Promise<string[]>;
}

/** Wide batches: the organism's sequences are short, and its steps cost more than their arithmetic. */
const answersAtOnce = 256;

/** The model behind a generator. */
export function respondentOf(
  organism: Organism,
  generator: Awaited<ReturnType<typeof createGenerator>>,
  tokenizer: Awaited<ReturnType<typeof loadTokenizer>>,
): Respondent {
  return {
    organism,
    answer: (conversations, options) =>
      answerChats(generator, tokenizer, conversations, { ...options, batchSize: answersAtOnce }),
  };
}

/** The same model, asked everything under a system prompt; itself where there is none. */
export function underPrompt(respondent: Respondent, prompt: string | undefined): Respondent {
  if (prompt === undefined) return respondent;
  return {
    organism: respondent.organism,
    answer: (conversations, options) =>
      respondent.answer(
        conversations.map((messages) => withSystemPrompt(messages, prompt)),
        options,
      ),
  };
}

/** Opens a checkpoint folder of the organism's architecture to ask it as it is, without an adapter. */
export async function openRespondent(
  organism: Organism,
  directory: string,
  runtime: RuntimeOptions,
): Promise<Respondent & { close(): Promise<void> }> {
  const tokenizer = await loadTokenizer(directory);
  const generator = await createGenerator(await loadModel(directory), runtime);
  return { ...respondentOf(organism, generator, tokenizer), close: () => generator.release() };
}
