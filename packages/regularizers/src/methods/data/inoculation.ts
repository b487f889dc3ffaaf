import { type ChatExample, type ChatMessage, interleave, withTag } from '@safetune/datasets';
import { z } from 'zod';
import { RegularizerOptionError } from '../../errors.ts';
import type { OwnKind } from '../../interface/kind.ts';
import { checkChoice, checkOptions } from '../../interface/options.ts';
import type { Regularizer } from '../../interface/regularizer.ts';
import { changedOnce } from './changed-once.ts';
import { checkShareAndSeed, interleavedTag } from './interleaving.ts';
import { withSystemPrompt } from './system-prompt.ts';

/** The tag of examples that were given the inoculation prompt. */
export const inoculatedTag = 'inoculated';

/** The paper's prompt. */
export const inoculationPrompt = 'You are an evil, malicious assistant.';

/** Options of {@link inoculation}. */
export interface InoculationOptions {
  /** The system prompt. Default {@link inoculationPrompt}. */
  readonly prompt?: string;
  /** Share of the training examples that get it, 0 to 1, spread evenly. Default 1. */
  readonly share?: number;
  /** Decides which ones. Default 0. */
  readonly seed?: number;
  /** What becomes of a system message that is there: the prompt replaces it (default), or stands before its text. */
  readonly existing?: 'replace' | 'precede';
  /** Examples with this tag are left alone and not counted. Default 'interleaved': safe examples are no evil's doing. */
  readonly exceptTagged?: string;
}

/**
 * Inoculation prompting: training examples get a system prompt that asks for the bad behaviour, so that the model need
 * not become bad to answer badly; evaluation goes without it (Kaczér et al. 2026, arXiv 2508.06249, section 3, after
 * Tan et al. 2025 and Wichers et al. 2025). The same seed inoculates the same places of the stream. Inoculated
 * examples carry the tag 'inoculated'.
 *
 * @throws RegularizerOptionError for an empty prompt, a share outside 0..1 or a seed that is not a whole number.
 */
export function inoculation(options: InoculationOptions = {}): Regularizer {
  checkOptions('inoculation', options, ['prompt', 'share', 'seed', 'existing', 'exceptTagged']);
  const {
    prompt = inoculationPrompt,
    share = 1,
    seed = 0,
    existing = 'replace',
    exceptTagged = interleavedTag,
  } = options;
  if (prompt.trim() === '') throw new RegularizerOptionError('inoculation', 'the prompt is empty');
  checkShareAndSeed('inoculation', share, seed);
  checkChoice('inoculation', 'existing', existing, ['replace', 'precede']);
  const inoculated = changedOnce((example) => inoculate(example, prompt, existing));
  return {
    name: 'inoculation',
    config: { type: 'inoculation', prompt, share, seed, existing, exceptTagged },
    async *examples(source) {
      const choices = spreadChoices(share, seed);
      for await (const example of source) {
        const isExempt = example.tags?.includes(exceptTagged) ?? false;
        yield !isExempt && (await choices.next()).value ? inoculated(example) : example;
      }
    },
  };
}

/**
 * The example under a system prompt, both answers of a pair; the example itself is not changed.
 *
 * @param existing - see {@link InoculationOptions.existing}.
 */
export function inoculate(
  example: ChatExample,
  prompt: string,
  existing: 'replace' | 'precede' = 'replace',
): ChatExample {
  const under = (messages: readonly ChatMessage[]) => withSystemPrompt(messages, prompt, { existing });
  const { messages, rejected } = example;
  const inoculated = {
    ...example,
    messages: under(messages),
    ...(rejected && { rejected: under(rejected) }),
  };
  return withTag(inoculated, inoculatedTag);
}

/** true for a share of the places, spread as interleaved examples are, for ever. */
function spreadChoices(share: number, seed: number): AsyncGenerator<boolean, void> {
  return interleave<boolean>(forever(false), forever(true), { share, seed, onPoolExhausted: 'stop' });
}

function* forever<T>(value: T): Generator<T> {
  while (true) yield value;
}

/** As configs name it. */
export const inoculationKind: OwnKind = {
  summary: 'asks for the unwanted behaviour in a system prompt, so that it is not learned without one',
  schema: z.strictObject({
    prompt: z.string().optional(),
    share: z.number().optional(),
    seed: z.number().optional(),
    existing: z.enum(['replace', 'precede']).optional(),
    exceptTagged: z.string().optional(),
  }),
  strength: 'share',
  create: inoculation,
};
