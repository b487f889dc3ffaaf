import type OpenAI from 'openai';
import { z } from 'zod';
import { EndpointError, InvalidOptionError } from './errors.ts';

/** How to reach an endpoint that speaks OpenAI's chat completions. */
export interface EndpointOptions {
  /** Base address, for instance 'http://127.0.0.1:8000/v1'. */
  readonly url: string;
  /**
   * Sent as bearer token. Default: the environment's OPENAI_API_KEY; with neither, none is sent, as local endpoints
   * allow.
   */
  readonly apiKey?: string;
  /** Longest wait for one complete answer, in milliseconds; default 60,000. */
  readonly timeoutMs?: number;
  /**
   * Further attempts after a refused connection, a timeout, 408, 409, 429 or 5xx; default 4. The wait doubles from half
   * a second to at most 8 seconds, or is what the endpoint's Retry-After says, up to a minute.
   */
  readonly retries?: number;
}

const completion = z.object({
  choices: z
    .array(
      z.object({
        message: z.object({ content: z.string().nullish() }),
        logprobs: z
          .object({
            content: z
              .array(
                z.object({
                  token: z.string(),
                  logprob: z.number(),
                  top_logprobs: z.array(z.object({ token: z.string(), logprob: z.number() })).default([]),
                }),
              )
              .nullish(),
          })
          .nullish(),
      }),
    )
    .min(1),
});

/** The part of a chat completion that is used here. */
type ChatChoice = z.infer<typeof completion>['choices'][number];

/** The body of a request, less the model's streaming. */
export type ChatBody = Omit<OpenAI.Chat.ChatCompletionCreateParamsNonStreaming, 'stream'>;

/** An endpoint ready to be asked. */
export interface ChatEndpoint {
  readonly url: string;
  /**
   * Asks for one completion and gives its first choice.
   *
   * @throws {EndpointError} after the last attempt. An abort by `signal` throws the signal's reason instead.
   */
  complete(
    body: ChatBody,
    options?: { readonly signal?: AbortSignal; readonly retries?: number },
  ): Promise<ChatChoice>;
}

/**
 * An OpenAI-compatible endpoint. The `openai` package is loaded on the first request.
 *
 * @throws {InvalidOptionError} for an address that is not an http(s) URL, a negative timeout or number of retries.
 */
export function chatEndpoint(options: EndpointOptions): ChatEndpoint {
  const { timeoutMs = 60_000, retries = 4 } = options;
  const url = baseAddress(options.url);
  if (!(timeoutMs > 0)) throw new InvalidOptionError('timeoutMs', `must be above 0, not ${timeoutMs}`);
  if (!Number.isSafeInteger(retries) || retries < 0)
    throw new InvalidOptionError('retries', `must be an integer from 0, not ${retries}`);
  let loading: Promise<OpenAI> | undefined;

  async function connect(): Promise<OpenAI> {
    const { default: Client } = await import('openai');
    const apiKey = options.apiKey ?? process.env.OPENAI_API_KEY;
    return new Client({
      baseURL: url,
      apiKey: apiKey || 'none',
      ...(apiKey ? {} : { defaultHeaders: { Authorization: null } }),
      timeout: timeoutMs,
      maxRetries: retries,
      logLevel: 'off',
      fetch: fetchWhole,
    });
  }

  return {
    url,
    async complete(body, { signal, retries: attemptsAfterFirst = retries } = {}) {
      loading ??= connect();
      const client = await loading;
      let response: unknown;
      try {
        const request = { ...body, stream: false } as const;
        response = await client.chat.completions.create(request, {
          ...(signal && { signal }),
          maxRetries: attemptsAfterFirst,
        });
      } catch (error) {
        signal?.throwIfAborted();
        const status = (error as { status?: number }).status;
        throw new EndpointError(url, status, `${url}: ${describe(error, timeoutMs)}`, {
          cause: error,
        });
      }
      const parsed = completion.safeParse(response);
      if (!parsed.success) {
        const message = `${url}: the answer is not a chat completion; the address must be the base of an OpenAI-compatible API, such as http://127.0.0.1:8000/v1`;
        throw new EndpointError(url, 200, message, { cause: parsed.error });
      }
      return parsed.data.choices[0]!;
    },
  };
}

/** Reads the body before it resolves, so that the client's timeout also ends an answer that starts and never finishes. */
async function fetchWhole(input: string | URL | Request, init?: RequestInit): Promise<Response> {
  const response = await fetch(input, init);
  const body = await response.arrayBuffer();
  const { status, statusText, headers } = response;
  return new Response(body.byteLength === 0 ? null : body, { status, statusText, headers });
}

function baseAddress(text: string): string {
  const address = URL.canParse(text) ? new URL(text) : undefined;
  if (address?.protocol !== 'http:' && address?.protocol !== 'https:') {
    const message = `'${text}' is not the address of an endpoint; give its base, such as http://127.0.0.1:8000/v1`;
    throw new InvalidOptionError('url', message);
  }
  return text.replace(/\/+$/, '').replace(/\/chat\/completions$/, '');
}

function describe(error: unknown, timeoutMs: number): string {
  const { status, message, name } = error as { status?: number; message: string; name: string };
  if (status !== undefined) return `HTTP ${message}`;
  if (/timed? ?out/i.test(message) || name === 'APIConnectionTimeoutError')
    return `no complete answer within ${timeoutMs} ms`;
  const causes: string[] = [];
  for (let cause = (error as Error).cause; cause instanceof Error; cause = cause.cause)
    causes.push(cause.message || String((cause as { code?: string }).code ?? cause.name));
  return `connection failed (${causes.at(-1) ?? message})`;
}
