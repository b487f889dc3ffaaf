import { z } from 'zod';
import type { MissingAnswer, TokenCount } from '../sources/answer-source.ts';

/** A token and its natural log-probability. */
export interface TokenLogProbability {
  readonly token: string;
  readonly logprob: number;
}

/** One new token of an answer, and the candidates for its place. */
export interface AnswerToken extends TokenLogProbability {
  /** The likeliest candidates, as many as were asked for; empty where the server gives none. */
  readonly candidates: readonly TokenLogProbability[];
}

/** What a model answered. */
export interface ChatAnswer {
  /** null: there is none, `missing` says why. */
  readonly content: string | null;
  readonly missing?: MissingAnswer;
  /** The server's word for why the answer ended: 'stop', 'length', ... */
  readonly finishReason?: string;
  /** The new tokens; only where log-probabilities were asked for. */
  readonly tokens?: readonly AnswerToken[];
  /** What the server counted. */
  readonly usage?: TokenCount;
}

// Some servers write null for a probability of 0.
const tokenLogProbability = z.object({ token: z.string(), logprob: z.number().nullable() });

const completion = z.object({
  choices: z.array(
    z.object({
      finish_reason: z.string().nullish(),
      message: z.object({ content: z.string().nullish(), refusal: z.string().nullish() }),
      logprobs: z
        .object({
          content: z
            .array(tokenLogProbability.extend({ top_logprobs: z.array(tokenLogProbability).nullish() }))
            .nullish(),
        })
        .nullish(),
    }),
  ),
  usage: z
    .object({ prompt_tokens: z.int().min(0), completion_tokens: z.int().min(0).nullish() })
    .nullish()
    .catch(undefined),
});

/** Reads a chat completion; undefined for anything else. */
export function readChatAnswer(value: unknown): ChatAnswer | undefined {
  const parsed = completion.safeParse(value);
  if (!parsed.success) return undefined;
  const { choices, usage } = parsed.data;
  const counted = usage && {
    usage: { prompt: usage.prompt_tokens, completion: usage.completion_tokens ?? 0 },
  };
  const [choice] = choices;
  if (choice === undefined)
    return { content: null, missing: { reason: 'empty', message: 'the answer has no choices' }, ...counted };
  const { finish_reason: finishReason, message, logprobs } = choice;
  const content = message.content ?? message.refusal ?? null;
  const missing = missingOf(content, finishReason);
  return {
    content: missing === undefined ? content : null,
    ...(missing && { missing }),
    ...(finishReason && { finishReason }),
    ...(logprobs?.content && { tokens: logprobs.content.map(answerToken) }),
    ...counted,
  };
}

function missingOf(
  content: string | null,
  finishReason: string | null | undefined,
): MissingAnswer | undefined {
  if (finishReason === 'content_filter') {
    const message = 'the server’s content filter held the answer back (finish_reason content_filter)';
    return { reason: 'content-filter', message };
  }
  if (content !== null) return undefined;
  return {
    reason: 'empty',
    message: `the answer has no text (finish_reason ${finishReason ?? 'not given'})`,
  };
}

type RawToken = z.infer<typeof tokenLogProbability>;

function answerToken({
  top_logprobs: candidates,
  ...token
}: RawToken & { top_logprobs?: RawToken[] | null | undefined }): AnswerToken {
  return { ...possible(token), candidates: (candidates ?? []).map(possible) };
}

function possible({ token, logprob }: RawToken): TokenLogProbability {
  return { token, logprob: logprob ?? Number.NEGATIVE_INFINITY };
}

/** The first log-probability above 0, that is, of a probability above 1. */
export function impossibleToken({ tokens = [] }: ChatAnswer): TokenLogProbability | undefined {
  for (const token of tokens)
    for (const candidate of [token, ...token.candidates]) if (candidate.logprob > 0) return candidate;
  return undefined;
}
