import http, { type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import https from 'node:https';
import type { EndpointAddress } from './address.ts';

/** An answer of a server, whatever its status. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** No answer, or not the whole of one. */
export class NoAnswer extends Error {
  /** Whether the server had the whole request, so that it may have worked on it. */
  readonly sent: boolean;

  constructor(message: string, sent: boolean, options?: ErrorOptions) {
    super(message, options);
    this.name = 'NoAnswer';
    this.sent = sent;
  }
}

/** A redirect that is not followed. */
export class RefusedRedirect extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = 'RefusedRedirect';
    this.status = status;
  }
}

/**
 * Posts a JSON text and gives what came back.
 *
 * @throws {NoAnswer} @throws {RefusedRedirect} An abort throws the signal's reason.
 */
export type Post = (json: string, signal?: AbortSignal) => Promise<HttpAnswer>;

/** Longest wait until a server has the whole request, in milliseconds. */
const sendingMs = 30_000;
/** An answer of 600 tokens with 20 candidates each is below a megabyte. */
const mostBytes = 64 * 2 ** 20;
const mostRedirects = 5;

/**
 * Posts to an endpoint over connections that are kept. `node:http` and not `fetch`: it tells when the request has been
 * sent, from when the time of the answer is counted, and takes a third of the processor's time.
 *
 * @param timeoutMs longest wait for the whole answer, from when the request has been sent.
 */
export function httpPost(address: EndpointAddress, timeoutMs: number): Post {
  const { completions, authorization } = address;
  const client = completions.protocol === 'https:' ? https : http;
  // As for all of Node's own requests: proxies are those of the environment, where it is told to use them.
  const proxyEnv = process.env.NODE_USE_ENV_PROXY === '1' ? process.env : undefined;
  const agent = new client.Agent({ keepAlive: true, scheduling: 'lifo', ...(proxyEnv && { proxyEnv }) });
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json',
    'user-agent': 'safetune-eval',
    ...(authorization !== undefined && { authorization }),
  };

  function send(url: URL, json: Buffer, signal: AbortSignal | undefined): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      let sent = false;
      const fail = (message: string, cause?: unknown) => {
        clearTimeout(timer);
        request.destroy();
        reject(signal?.aborted ? signal.reason : new NoAnswer(message, sent, { cause }));
      };
      const request = client.request(url, {
        method: 'POST',
        agent,
        headers: { ...headers, 'content-length': json.length },
        ...(signal && { signal }),
      });
      let timer = setTimeout(() => fail(`not connected within ${sendingMs / 1000} s`), sendingMs);
      request.once('finish', () => {
        sent = true;
        clearTimeout(timer);
        timer = setTimeout(() => fail(`no complete answer within ${timeoutMs / 1000} s`), timeoutMs);
      });
      request.once('error', (error: NodeJS.ErrnoException) => {
        // The server closed a kept connection just then; it has not seen the request.
        const wasClosed = request.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
        if (!wasClosed || signal?.aborted) return fail(`connection failed (${causeOf(error)})`, error);
        clearTimeout(timer);
        send(url, json, signal).then(resolve, reject);
      });
      request.once('response', (response) => {
        readText(response).then(
          (text) => {
            clearTimeout(timer);
            resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
          },
          (error) => fail(`connection lost within the answer (${causeOf(error)})`, error),
        );
      });
      request.end(json);
    });
  }

  return async (text, signal) => {
    signal?.throwIfAborted();
    const json = Buffer.from(text);
    let url = completions;
    for (let redirects = 0; ; redirects += 1) {
      const answer = await send(url, json, signal);
      if (answer.status < 300 || answer.status > 399) return answer;
      url = redirectOf(answer, url, redirects);
    }
  };
}

/** Where to post instead: only ever within the same origin, since the request carries the key. */
function redirectOf({ status, headers }: HttpAnswer, from: URL, redirects: number): URL {
  const location = headers.location ?? '';
  if (!URL.canParse(location, from.href))
    throw new RefusedRedirect(status, `HTTP ${status} without an address to go to`);
  const to = new URL(location, from);
  const shown = `${to.origin}${to.pathname}`;
  if (to.origin !== from.origin) {
    const message = `HTTP ${status}: the server redirects to another origin, ${shown}, which is not followed, since the key would go there; if it is the right address, give it as the endpoint's`;
    throw new RefusedRedirect(status, message);
  }
  if (status !== 307 && status !== 308)
    throw new RefusedRedirect(
      status,
      `HTTP ${status}: the server redirects to ${shown}; give that as the address`,
    );
  if (redirects === mostRedirects)
    throw new RefusedRedirect(status, `HTTP ${status}: redirected more than ${mostRedirects} times`);
  to.username = '';
  to.password = '';
  return to;
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    chunks.push(chunk as Buffer);
    bytes += (chunk as Buffer).length;
    if (bytes > mostBytes) throw new Error(`it is longer than ${mostBytes} bytes`);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function causeOf(error: unknown): string {
  const { code, message, errors } = error as NodeJS.ErrnoException & { errors?: readonly Error[] };
  // Several addresses of one name were tried: each has an error of its own, the whole has no message.
  return message || (errors?.[0] ? causeOf(errors[0]) : (code ?? 'no reason given'));
}
