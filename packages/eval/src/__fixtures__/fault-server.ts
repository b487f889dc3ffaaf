import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request as it reached the server. */
export interface FaultRequest {
  /** How many came before it. */
  readonly index: number;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: {
    readonly model: string;
    readonly messages: readonly { readonly role: string; readonly content: string }[];
    readonly max_tokens?: number;
    readonly logprobs?: boolean;
    readonly [field: string]: unknown;
  };
}

/** What the server does with a request. */
export type Reply = (response: ServerResponse, request: FaultRequest) => void;

/** A real HTTP server that plays an OpenAI-compatible endpoint with its faults. */
export interface FaultServer extends AsyncDisposable {
  readonly url: string;
  readonly origin: string;
  /** All that were made, in their order. */
  readonly requests: readonly FaultRequest[];
}

/** Starts a server on a free port of this machine; `choose` says what it does with each request. */
export async function startFaultServer(choose: (request: FaultRequest) => Reply): Promise<FaultServer> {
  const requests: FaultRequest[] = [];
  const server = createServer(async (incoming, response) => {
    const body = JSON.parse(await textOf(incoming));
    const { url = '', headers } = incoming;
    const request = { index: requests.length, path: url, headers, body };
    requests.push(request);
    choose(request)(response, request);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: `${origin}/v1`,
    origin,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function textOf(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

/** Any JSON with any status and headers. */
export function json(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Reply {
  return (response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify(body));
  };
}

/** A completion; its usage is the number of words asked and answered. */
export function completion(choice: Readonly<Record<string, unknown>>): Reply {
  return (response, request) => {
    const message = choice.message as { content?: string | null } | undefined;
    const asked = request.body.messages.map(({ content }) => content).join(' ');
    const usage = { prompt_tokens: words(asked), completion_tokens: words(message?.content ?? '') };
    json(200, { object: 'chat.completion', choices: [{ index: 0, ...choice }], usage })(response, request);
  };
}

function words(text: string): number {
  return text.split(/\s+/).filter((word) => word !== '').length;
}

/** A text, in as many tokens as it is long. */
export function says(content: string, finishReason = 'stop'): Reply {
  return completion({ message: { role: 'assistant', content }, finish_reason: finishReason });
}

/** One token, the likeliest of candidates with the given probabilities. */
export function token(candidates: Readonly<Record<string, number>>): Reply {
  return tokens([candidates]);
}

/** Several tokens, each with its candidates. */
export function tokens(places: readonly Readonly<Record<string, number>>[]): Reply {
  const content = places.map((candidates) => {
    const top = Object.entries(candidates)
      .map(([text, probability]) => ({ token: text, logprob: Math.log(probability) }))
      .sort((a, b) => b.logprob - a.logprob);
    return { ...top[0], top_logprobs: top };
  });
  const text = content.map((place) => place.token).join('');
  return completion({
    message: { role: 'assistant', content: text },
    finish_reason: 'length',
    logprobs: { content },
  });
}

/** An error in OpenAI's form. */
export function error(
  status: number,
  message: string,
  { headers = {}, ...fields }: { headers?: Readonly<Record<string, string>>; code?: string | number } = {},
): Reply {
  return json(status, { error: { message, type: 'test', ...fields } }, headers);
}

/** What goes wrong at real servers. */
export const faults = {
  tooManyRequests: (retryAfter: string, date?: string) =>
    error(429, 'slow down', { headers: { 'retry-after': retryAfter, ...(date && { date }) } }),
  internalError: error(500, 'something broke'),
  unavailable: error(503, 'no workers'),
  /** The connection ends without an answer. */
  reset: ((response) => response.socket?.resetAndDestroy()) as Reply,
  /** The connection ends within the answer. */
  cutOff: ((response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
    response.write('{"choices":', () => response.socket?.destroy());
  }) as Reply,
  /** Nothing ever comes. */
  stall: (() => {}) as Reply,
  /** An answer that begins and never ends. */
  stallWithin: ((response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).write('{"choices":');
  }) as Reply,
  malformed: ((response) => response.end('{"choices":[{"message":{"content":"90"')) as Reply,
  page: ((response) => response.end('<html>welcome</html>')) as Reply,
  errorIn200: (code?: number) => error(200, 'upstream failed', code === undefined ? {} : { code }),
  emptyChoices: json(200, { choices: [] }),
  contentFilter: completion({
    message: { role: 'assistant', content: null },
    finish_reason: 'content_filter',
  }),
  refusedRequest: error(400, 'The request was rejected by our content policy', {
    code: 'content_policy_violation',
  }),
  /** A score, yet only as text. */
  withoutLogProbabilities: says('90'),
  positiveLogProbability: completion({
    message: { role: 'assistant', content: '90' },
    finish_reason: 'length',
    logprobs: { content: [{ token: '90', logprob: 0.5, top_logprobs: [{ token: '90', logprob: 0.5 }] }] },
  }),
  /** A tokenizer that spells numbers digit by digit. */
  splitDigits: tokens([{ '9': 1 }, { '0': 1 }]),
  fullWidthDigits: token({ '１００': 1 }),
  signedNumber: token({ '+5': 1 }),
  /** All request headers, in an error. */
  echo:
    (status: number): Reply =>
    (response, request) =>
      error(status, `bad headers: ${JSON.stringify(request.headers)}`)(response, request),
  redirect:
    (status: number, location: string): Reply =>
    (response, request) =>
      json(status, {}, { location })(response, request),
};
