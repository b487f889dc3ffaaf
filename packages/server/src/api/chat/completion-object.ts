import { z } from 'zod';
import type { ChatEnd, ChatPiece, TokenProbability } from '../../serving/chat.ts';

const candidateSchema = z.object({
  token: z.string(),
  bytes: z.array(z.int()),
  logprob: z.number(),
});

const usageSchema = z.object({
  prompt_tokens: z.int(),
  completion_tokens: z.int(),
  total_tokens: z.int(),
});

export const completionSchema = z.object({
  id: z.string(),
  object: z.literal('chat.completion'),
  created: z.int(),
  model: z.string(),
  choices: z.array(
    z.object({
      index: z.int(),
      message: z.object({ role: z.literal('assistant'), content: z.string(), refusal: z.null() }),
      logprobs: z
        .object({
          content: z.array(z.object({ ...candidateSchema.shape, top_logprobs: z.array(candidateSchema) })),
          refusal: z.null(),
        })
        .nullable(),
      finish_reason: z.enum(['stop', 'length']),
    }),
  ),
  usage: usageSchema,
});

/** What all chunks of an answer, or the whole of it, have in common. */
export interface CompletionHead {
  readonly id: string;
  readonly created: number;
  readonly model: string;
}

export type PieceTokens = NonNullable<ChatPiece['tokens']>;

export function completionObject(
  head: CompletionHead,
  content: string,
  tokens: PieceTokens | undefined,
  end: ChatEnd,
) {
  return {
    ...head,
    object: 'chat.completion',
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content, refusal: null },
        logprobs: logProbabilities(tokens),
        finish_reason: end.finishReason,
      },
    ],
    usage: usageObject(end),
  };
}

/** A chunk of a streamed answer. */
export function chunkObject(
  head: CompletionHead,
  choice: {
    readonly delta: Readonly<Record<string, string>>;
    readonly tokens?: PieceTokens | undefined;
    readonly finishReason?: ChatEnd['finishReason'];
  },
  usage: { readonly usage?: null },
) {
  const { delta, tokens, finishReason = null } = choice;
  return {
    ...head,
    object: 'chat.completion.chunk',
    choices: [{ index: 0, delta, logprobs: logProbabilities(tokens), finish_reason: finishReason }],
    ...usage,
  };
}

/** The chunk that tells the tokens of a whole streamed answer. */
export function usageChunk(head: CompletionHead, end: ChatEnd) {
  return { ...head, object: 'chat.completion.chunk', choices: [], usage: usageObject(end) };
}

function usageObject({ promptTokens, completionTokens }: ChatEnd) {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
  };
}

function logProbabilities(tokens: PieceTokens | undefined) {
  if (tokens === undefined) return null;
  return {
    content: tokens.map((token) => ({ ...candidate(token), top_logprobs: token.top.map(candidate) })),
    refusal: null,
  };
}

/** JSON has no infinity; OpenAI tells -9999 of what is as good as impossible. */
function candidate({ token, bytes, logProbability }: TokenProbability) {
  return { token, bytes, logprob: Math.max(logProbability, -9999) };
}
