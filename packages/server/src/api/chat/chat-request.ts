import { randomInt } from 'node:crypto';
import { z } from 'zod';
import { ApiError } from '../../errors.ts';
import type { ChatCall, ChatTurn } from '../../serving/chat.ts';

// Options of OpenAI's that are not known here are refused in words of their own; with the value that changes nothing they are let through,
// as many clients send every option that they have.

const textPart = z.strictObject({ type: z.literal('text'), text: z.string() });

const message = z.strictObject({
  role: z.enum(['system', 'developer', 'user', 'assistant']),
  content: z.union([z.string(), z.array(textPart).min(1)]),
  name: z.string().max(64).optional(),
  // What an answer had that is sent back as it came.
  refusal: z.null().optional(),
  annotations: z.array(z.never()).max(0).optional(),
});

/** An option that is taken where it changes nothing. */
function only<Value>(...values: readonly Value[]) {
  return z
    .custom<Value | null>(
      (given) => given === null || values.some((value) => JSON.stringify(value) === JSON.stringify(given)),
      { message: 'is not supported' },
    )
    .optional()
    .meta({
      description: `not supported but as ${values.map((value) => JSON.stringify(value)).join(' or ')}`,
    });
}

export const chatRequestSchema = z.strictObject({
  model: z.string().min(1).max(256),
  messages: z.array(message).min(1).max(1000),
  max_completion_tokens: z.int().min(1).nullish(),
  max_tokens: z.int().min(1).nullish().describe('the older name of max_completion_tokens'),
  temperature: z.number().min(0).max(2).nullish().describe('default 1; 0: always the likeliest token'),
  top_p: z.number().gt(0).max(1).nullish(),
  seed: z.int().nullish(),
  stop: z
    .union([z.string().min(1).max(200), z.array(z.string().min(1).max(200)).max(4)], {
      error: 'must be a text, or a list of at most 4, each of 1 to 200 characters',
    })
    .nullish()
    .describe('the answer ends before the first of these texts'),
  logprobs: z.boolean().nullish(),
  top_logprobs: z.int().min(0).max(20).nullish(),
  stream: z.boolean().nullish(),
  stream_options: z
    .strictObject({ include_usage: z.boolean().optional(), include_obfuscation: z.boolean().optional() })
    .nullish(),
  n: only(1),
  frequency_penalty: only(0),
  presence_penalty: only(0),
  logit_bias: only({}),
  response_format: only({ type: 'text' }),
  modalities: only(['text']),
  tools: only<unknown[]>([]),
  functions: only<unknown[]>([]),
  tool_choice: only('none', 'auto'),
  function_call: only('none', 'auto'),
  parallel_tool_calls: only(true, false),
  store: only(false),
  service_tier: only('auto', 'default'),
  audio: only(),
  prediction: only(),
  web_search_options: only(),
  reasoning_effort: only('none'),
  verbosity: only('medium'),
  metadata: z.record(z.string().max(64), z.string().max(512)).nullish().describe('is not kept'),
  user: z.string().max(256).nullish().describe('is not kept'),
  safety_identifier: z.string().max(256).nullish().describe('is not kept'),
  prompt_cache_key: z.string().max(256).nullish().describe('is not kept'),
});

export type ChatRequest = z.output<typeof chatRequestSchema>;

/**
 * What the model is asked, but for which model it is.
 *
 * @throws ApiError 400 for more tokens than there may be, or options that contradict each other.
 */
export function chatOptions(
  request: ChatRequest,
  mostTokens: number,
): Omit<ChatCall, 'base' | 'adapter' | 'secretPrompt' | 'signal'> {
  const { logprobs, top_logprobs: top, max_completion_tokens: newer, max_tokens: older } = request;
  if (typeof newer === 'number' && typeof older === 'number') {
    throw invalid('max_tokens', 'max_tokens and max_completion_tokens are the same; give one of them.');
  }
  const param = typeof newer === 'number' ? 'max_completion_tokens' : 'max_tokens';
  const maxTokens = newer ?? older ?? mostTokens;
  if (maxTokens > mostTokens) {
    throw invalid(
      param,
      `${param} is too large: ${maxTokens}. An answer has at most ${mostTokens} tokens here.`,
    );
  }
  if (typeof top === 'number' && logprobs !== true) {
    throw invalid('top_logprobs', 'top_logprobs needs logprobs: true.');
  }
  if (request.stream_options && request.stream !== true) {
    throw invalid('stream_options', 'stream_options needs stream: true.');
  }
  return {
    messages: request.messages.map(turnOf),
    maxTokens,
    temperature: request.temperature ?? 1,
    topP: request.top_p ?? 1,
    seed: seedOf(request.seed),
    stop: typeof request.stop === 'string' ? [request.stop] : (request.stop ?? []),
    ...(logprobs === true && { topLogProbabilities: top ?? 0 }),
  };
}

function turnOf({ role, content }: ChatRequest['messages'][number]): ChatTurn {
  return {
    // OpenAI's newer name of the same; the templates of open models know the older one.
    role: role === 'developer' ? 'system' : role,
    content: typeof content === 'string' ? content : content.map(({ text }) => text).join('\n'),
  };
}

/** Any whole number is a seed; those of the generator have 31 bits. */
function seedOf(seed: number | null | undefined): number {
  if (seed === null || seed === undefined) return randomInt(2 ** 31);
  const rest = seed % 2 ** 31;
  return rest < 0 ? rest + 2 ** 31 : rest;
}

function invalid(param: string, text: string): ApiError {
  return new ApiError(400, text, { code: 'invalid_value', param });
}
