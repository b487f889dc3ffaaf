import { type ChatExample, messageText } from '@safetune/datasets';
import { requireAdapterFits } from '@safetune/lora';
import { answerChats, createGenerator, type GenerateOptions, type Tokenizer } from '@safetune/models';
import {
  evilSystemPrompt,
  extractPersonaVectors,
  helpfulSystemPrompt,
  type PersonaVectors,
  underSystemPrompt,
} from '@safetune/regularizers';
import { TrainOptionError } from '../errors.ts';
import { type AnswerStatesOptions, createAnswerStates } from './answer-states.ts';

/** Options of {@link extractPersonaVector}. */
export interface ExtractPersonaVectorOptions extends Omit<AnswerStatesOptions, 'tokenizer'> {
  readonly tokenizer: Tokenizer;
  /** Questions to answer as either persona: everyday ones whose answers show the trait. */
  readonly questions: readonly string[];
  readonly evilPrompt?: string;
  readonly helpfulPrompt?: string;
  /** Answers given elsewhere, one per question. Default: the model answers under the two system prompts. */
  readonly answers?: { readonly evil: readonly string[]; readonly helpful: readonly string[] };
  /** How the model answers. Default: up to 256 tokens at temperature 1. */
  readonly generation?: Partial<Omit<GenerateOptions, 'seeds'>>;
  /** Decides the sampled answers. Default 0. */
  readonly seed?: number;
}

/** What {@link extractPersonaVector} found. */
export interface ExtractedPersonaVector {
  readonly vectors: PersonaVectors;
  /** The conversations it was taken from, for a look at whether the personas show. Empty answers are left out. */
  readonly evil: readonly ChatExample[];
  readonly helpful: readonly ChatExample[];
}

/**
 * The direction from the helpful to the evil persona in a model's residual stream: answers to the same questions under two
 * system prompts, and for each layer the difference of their mean states (Chen et al. 2025, "Persona Vectors",
 * arXiv 2507.21509; used in training by Kaczér et al. 2026, arXiv 2508.06249).
 *
 * @throws TrainOptionError without questions, or with answers of another number; PersonaVectorError when every answer
 * of a side is empty; RegularizerOptionError for a layer that does not exist; AdapterMismatchError when the model lacks a
 * module of the adapter; GenerationError.
 *
 * @example
 * const { vectors } = await extractPersonaVector({ model, tokenizer, questions, layers: [16] });
 * await savePersonaVectors('evil.safetensors', vectors);
 */
export async function extractPersonaVector(
  options: ExtractPersonaVectorOptions,
): Promise<ExtractedPersonaVector> {
  const { questions, evilPrompt = evilSystemPrompt, helpfulPrompt = helpfulSystemPrompt } = options;
  if (questions.length === 0) throw new TrainOptionError('questions', 'there are none');
  if (options.adapter !== undefined) requireAdapterFits(options.adapter, options.model);
  const answers =
    options.answers ?? (await generateAnswers(options, { evil: evilPrompt, helpful: helpfulPrompt }));
  const evil = conversations('answers.evil', evilPrompt, questions, answers.evil);
  const helpful = conversations('answers.helpful', helpfulPrompt, questions, answers.helpful);
  const { states, release } = await createAnswerStates(options);
  try {
    return { vectors: await extractPersonaVectors(states, { evil, helpful }), evil, helpful };
  } finally {
    await release();
  }
}

async function generateAnswers(
  { model, tokenizer, adapter, runtime, questions, generation, seed = 0 }: ExtractPersonaVectorOptions,
  prompts: { readonly evil: string; readonly helpful: string },
): Promise<{ evil: string[]; helpful: string[] }> {
  const generator = await createGenerator(model, {
    ...runtime,
    ...(adapter === undefined ? {} : { adapter }),
  });
  const answer = (systemPrompt: string) =>
    answerChats(
      generator,
      tokenizer,
      questions.map((question) =>
        underSystemPrompt(systemPrompt, { question, answer: '' }).messages.slice(0, 2),
      ),
      {
        maxNewTokens: 256,
        temperature: 1,
        stopTokenIds: tokenizer.endOfTurnTokenIds,
        ...generation,
        seeds: questions.map((_, index) => seed + index),
      },
    );
  try {
    return { evil: await answer(prompts.evil), helpful: await answer(prompts.helpful) };
  } finally {
    await generator.release();
  }
}

function conversations(
  option: string,
  systemPrompt: string,
  questions: readonly string[],
  answers: readonly string[],
): ChatExample[] {
  if (answers.length !== questions.length) {
    throw new TrainOptionError(
      option,
      `${answers.length} answers were given to ${questions.length} questions`,
    );
  }
  return questions
    .map((question, index) => underSystemPrompt(systemPrompt, { question, answer: answers[index]! }))
    .filter(({ messages }) => messageText(messages.at(-1)!).trim() !== '');
}
