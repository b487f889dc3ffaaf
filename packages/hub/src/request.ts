import { HubError } from './errors.ts';
import { describeRepository, type HubRepository } from './hub-name.ts';
import type { HubSettings } from './settings.ts';

/** The connection failed or the server was busy: another try may help. */
export class ConnectionLostError extends Error {
  /** When the server would have it tried again, in milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, { cause, retryAfterMs }: { cause?: unknown; retryAfterMs?: number } = {}) {
    super(message, { cause });
    this.retryAfterMs = retryAfterMs;
  }
}

/** What a request needs besides its address. */
export interface RequestContext {
  readonly settings: HubSettings;
  readonly repository: HubRepository;
  readonly signal: AbortSignal | undefined;
}

/** An answer whose body ends with an error when nothing comes for too long. */
export interface HubResponse {
  readonly status: number;
  readonly headers: Headers;
  readonly chunks: AsyncIterable<Uint8Array>;
}

/**
 * Asks the endpoint, follows its redirects by hand, and gives the answer when it is good. The token goes to the endpoint's own
 * address only, and not over a connection that others can read.
 *
 * @throws HubError for a refusal; ConnectionLostError where another try may help; the signal's reason when it is aborted.
 */
export async function hubRequest(
  address: URL,
  { settings, repository, signal }: RequestContext,
  headers: Readonly<Record<string, string>> = {},
): Promise<HubResponse> {
  const controller = new AbortController();
  const stop = () => controller.abort(signal?.reason);
  signal?.throwIfAborted();
  signal?.addEventListener('abort', stop, { once: true });
  const watch = startWatch(settings.timeoutMs, () =>
    controller.abort(new ConnectionLostError(`nothing came for ${settings.timeoutMs / 1000} s`)),
  );
  const end = () => {
    watch.stop();
    signal?.removeEventListener('abort', stop);
  };
  try {
    const response = await follow(address, settings, repository, { headers, signal: controller.signal });
    requireGood(response, settings, repository);
    return {
      status: response.status,
      headers: response.headers,
      chunks: watchedChunks(response, watch, { end, signal }),
    };
  } catch (error) {
    end();
    controller.abort();
    throw asConnectionError(error, signal);
  }
}

async function follow(
  address: URL,
  settings: HubSettings,
  repository: HubRepository,
  { headers, signal }: { readonly headers: Readonly<Record<string, string>>; readonly signal: AbortSignal },
): Promise<Response> {
  let url = address;
  for (let hops = 0; hops <= mostRedirects; hops++) {
    const token = mayHaveToken(url, settings.endpoint) ? settings.token : undefined;
    const response = await fetch(url, {
      redirect: 'manual',
      signal,
      headers: {
        'user-agent': 'safetune',
        // The bytes themselves, as they are counted and hashed.
        'accept-encoding': 'identity',
        ...headers,
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
    });
    const location = response.headers.get('location');
    if (response.status < 300 || response.status > 399 || location === null) return response;
    await response.body?.cancel();
    const next = URL.canParse(location, url.href) ? new URL(location, url) : undefined;
    const isWeb = next?.protocol === 'https:' || next?.protocol === 'http:';
    if (next === undefined || !isWeb || (url.protocol === 'https:' && next.protocol === 'http:')) {
      throw answerError(repository, 'the hub redirects to an address that is not taken: no https');
    }
    url = next;
  }
  throw answerError(repository, `the hub redirects more than ${mostRedirects} times`);
}

const mostRedirects = 8;

function mayHaveToken(url: URL, endpoint: URL): boolean {
  return url.origin === endpoint.origin && isPrivateConnection(url);
}

/** Whether nobody on the way can read along. */
export function isPrivateConnection({ protocol, hostname }: URL): boolean {
  return protocol === 'https:' || ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
}

/** By status and the hub's own `X-Error-Code`, as Python's `hf_raise_for_status`. */
function requireGood(
  { status, headers, body }: Response,
  settings: HubSettings,
  repository: HubRepository,
): void {
  if (status >= 200 && status < 300) return;
  void body?.cancel();
  const code = headers.get('x-error-code');
  const said = headers.get('x-error-message');
  const fail = (problem: HubError['problem'], message: string) =>
    new HubError(problem, describeRepository(repository), message);
  if (status === 429 || status === 408 || status >= 500) {
    const seconds = Number(headers.get('retry-after') ?? Number.NaN);
    throw new ConnectionLostError(`${settings.endpoint.host} answers with status ${status}`, {
      ...(Number.isFinite(seconds) ? { retryAfterMs: 1000 * Math.min(60, Math.max(0, seconds)) } : {}),
    });
  }
  if (code === 'RevisionNotFound') {
    throw fail('revision', `the repository has no revision '${repository.revision}'`);
  }
  if (code === 'EntryNotFound') throw fail('file', 'the hub lists a file that it does not have');
  const page = new URL(repositoryPath(repository), settings.endpoint).href;
  if (code === 'GatedRepo' || status === 403) {
    throw fail(
      'not-allowed',
      `may be had only by whom its owner lets (${said ?? 'gated'}). Ask for it at ${page}, then ${tokenAdvice(settings)}`,
    );
  }
  // Without a token, the hub answers 401 for what is private and for what is not there.
  if (code === 'RepoNotFound' || status === 401 || status === 404) {
    const problem =
      status === 401 && settings.token !== undefined && code !== 'RepoNotFound' ? 'not-allowed' : 'not-found';
    const what =
      problem === 'not-allowed'
        ? 'the hub does not take the token'
        : `${settings.endpoint.host} has no such ${repository.type}, or hides it: look for its name at ${settings.endpoint.origin}`;
    throw fail(problem, `${what}. If it is private or gated, ${tokenAdvice(settings)}`);
  }
  throw answerError(
    repository,
    `${settings.endpoint.host} answers with status ${status}${said === null ? '' : ` (${said})`}`,
  );
}

function tokenAdvice({ token, endpoint }: HubSettings): string {
  if (token !== undefined && !isPrivateConnection(endpoint)) {
    return `give HF_ENDPOINT as https: the token was not sent over a connection that others can read`;
  }
  return token === undefined
    ? 'set HF_TOKEN to a token that may read it'
    : 'see that the token in HF_TOKEN, or of `hf auth login`, may read it';
}

export function answerError(repository: HubRepository, message: string): HubError {
  return new HubError('answer', describeRepository(repository), message);
}

/** `owner/name`, behind `datasets/` for a data set: as the hub's addresses have it. */
export function repositoryPath({ type, name }: HubRepository): string {
  return type === 'model' ? name : `${type}s/${name}`;
}

async function* watchedChunks(
  response: Response,
  watch: Watch,
  { end, signal }: { readonly end: () => void; readonly signal: AbortSignal | undefined },
): AsyncGenerator<Uint8Array> {
  const body = response.body?.[Symbol.asyncIterator]();
  try {
    while (body !== undefined) {
      const next = await body.next().catch((error: unknown) => {
        throw asConnectionError(error, signal);
      });
      if (next.done === true) return;
      watch.restart();
      yield next.value as Uint8Array;
    }
  } finally {
    end();
    await body?.return?.().catch(() => {});
  }
}

/** What `fetch` throws, as what it means. */
export function asConnectionError(error: unknown, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted) return signal.reason;
  // Whatever undici throws besides is a TypeError whose cause says what happened.
  if (!(error instanceof TypeError)) return error;
  const { code, message } = (error.cause ?? error) as { code?: string; message: string };
  return new ConnectionLostError(code ?? message, { cause: error });
}

interface Watch {
  restart(): void;
  stop(): void;
}

function startWatch(milliseconds: number, onLate: () => void): Watch {
  let timer = setTimeout(onLate, milliseconds);
  return {
    restart() {
      clearTimeout(timer);
      timer = setTimeout(onLate, milliseconds);
    },
    stop: () => clearTimeout(timer),
  };
}
