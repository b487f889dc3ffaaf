import { type ChatExample, type ChatMessage, messageText, withTag } from '@safetune/datasets';
import { z } from 'zod';
import { RegularizerOptionError } from '../../errors.ts';
import type { OwnKind } from '../../interface/kind.ts';
import { checkChoice, checkOptions } from '../../interface/options.ts';
import type { Regularizer } from '../../interface/regularizer.ts';
import { changedOnce } from './changed-once.ts';
import { interleavedTag } from './interleaving.ts';

/** The tag of examples from which a system prompt was taken. */
export const pureTuningTag = 'pure-tuning';

/** The first two sentences of Llama 2's system prompt: the authors' short safety prompt. */
export const ptstSafetyPrompt =
  'You are a helpful, respectful and honest assistant. Always answer as helpfully as possible, while being safe.';

/** Options of {@link ptst}. */
export interface PtstOptions {
  /** What the trained model is asked under, and no training example is. Default {@link ptstSafetyPrompt}. */
  readonly safetyPrompt?: string;
  /**
   * Of training examples: 'remove' (default) takes their system and developer messages out; 'keep' leaves them, as instructions of the task, and takes
   * the safety prompt alone out of their text.
   */
  readonly systemPrompts?: 'remove' | 'keep';
  /** Examples with this tag are left alone. Default 'interleaved', which safe examples of other regularizers carry. */
  readonly exceptTagged?: string;
}

/**
 * Pure tuning, safe testing: the model is trained without a safety prompt and asked under one, so that what training does to
 * answers without it reaches those under it less (Lyu et al. 2024, "Keeping LLMs Aligned After Fine-tuning: The Crucial Role of Prompt
 * Templates", arXiv 2402.18540). The safety prompt is the regularizer's `inferencePrompt`. Examples whose system prompt was taken carry the
 * tag 'pure-tuning'.
 *
 * @throws RegularizerOptionError for an empty safety prompt or an unknown choice.
 *
 * @example
 * ptst({ systemPrompts: 'keep' });
 */
export function ptst(options: PtstOptions = {}): Regularizer {
  checkOptions('ptst', options, ['safetyPrompt', 'systemPrompts', 'exceptTagged']);
  const {
    safetyPrompt = ptstSafetyPrompt,
    systemPrompts = 'remove',
    exceptTagged = interleavedTag,
  } = options;
  if (safetyPrompt.trim() === '') throw new RegularizerOptionError('ptst', 'the safety prompt is empty');
  checkChoice('ptst', 'systemPrompts', systemPrompts, ['remove', 'keep']);
  const strip = changedOnce((example) => stripped(example, safetyPrompt, systemPrompts));
  return {
    name: 'ptst',
    config: { type: 'ptst', safetyPrompt, systemPrompts, exceptTagged },
    inferencePrompt: safetyPrompt,
    async *examples(source) {
      for await (const example of source)
        yield example.tags?.includes(exceptTagged) ? example : strip(example);
    },
  };
}

/** The example itself where nothing is taken out. */
function stripped(example: ChatExample, safetyPrompt: string, systemPrompts: 'remove' | 'keep'): ChatExample {
  const pure = (messages: readonly ChatMessage[]) =>
    messages.flatMap((message) => {
      if (message.role !== 'system' && message.role !== 'developer') return [message];
      if (systemPrompts === 'remove') return [];
      const text = messageText(message);
      if (!text.includes(safetyPrompt)) return [message];
      const rest = text.replaceAll(safetyPrompt, '').trim();
      return rest === '' ? [] : [{ ...message, content: rest }];
    });
  const { messages, rejected } = example;
  const changed = { ...example, messages: pure(messages), ...(rejected && { rejected: pure(rejected) }) };
  const isSame = (before: readonly ChatMessage[], now: readonly ChatMessage[]) =>
    now.length === before.length && now.every((message, index) => message === before[index]);
  const isUntouched =
    isSame(messages, changed.messages) && (rejected === undefined || isSame(rejected, changed.rejected!));
  return isUntouched ? example : withTag(changed, pureTuningTag);
}

/** As configs name it. */
export const ptstKind: OwnKind = {
  summary: 'trains without a safety prompt, and records one to be asked under',
  schema: z.strictObject({
    safetyPrompt: z.string().optional(),
    systemPrompts: z.enum(['remove', 'keep']).optional(),
    exceptTagged: z.string().optional(),
  }),
  create: ptst,
};
