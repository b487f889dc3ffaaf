import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { HubError } from './errors.ts';

/** Where the hub is, where its files are kept, and who asks. What is not given is as in Python's `huggingface_hub`. */
export interface HubOptions {
  /** Default `HF_ENDPOINT`, else `https://huggingface.co`. */
  readonly endpoint?: string;
  /**
   * Sent to the endpoint, and to nobody it redirects to. Default `HF_TOKEN`, else what `hf auth login` left in
   * `$HF_HOME/token`. An empty text for none.
   */
  readonly token?: string;
  /** Default `HF_HUB_CACHE`, else `$HF_HOME/hub`, else `~/.cache/huggingface/hub`: Python's own, shared with it. */
  readonly cacheDirectory?: string;
  /** Never asks the hub. Default: whether `HF_HUB_OFFLINE` is set. */
  readonly offline?: boolean;
  /** Longest wait for an answer, or for more of one, in milliseconds. Default 30,000. */
  readonly timeoutMs?: number;
  /** New tries after a lost connection that brought nothing. Default 5. */
  readonly retries?: number;
}

/** Options with every default in place. */
export interface HubSettings {
  readonly endpoint: URL;
  readonly token: string | undefined;
  readonly cacheDirectory: string;
  readonly offline: boolean;
  readonly timeoutMs: number;
  readonly retries: number;
}

/** @throws HubError (`name`) for an endpoint that is no address. */
export async function hubSettings(options: HubOptions = {}): Promise<HubSettings> {
  const { env } = process;
  const cacheDirectory =
    options.cacheDirectory ?? pathIn(env.HF_HUB_CACHE ?? env.HUGGINGFACE_HUB_CACHE) ?? join(home(), 'hub');
  const offline = options.offline ?? isTrue(env.HF_HUB_OFFLINE || env.TRANSFORMERS_OFFLINE);
  return {
    endpoint: endpointOf(options.endpoint ?? (env.HF_ENDPOINT || 'https://huggingface.co')),
    token: offline ? undefined : (options.token ?? (await environmentToken())) || undefined,
    cacheDirectory,
    offline,
    timeoutMs: options.timeoutMs ?? 30_000,
    retries: options.retries ?? 5,
  };
}

function home(): string {
  const { HF_HOME, XDG_CACHE_HOME } = process.env;
  return pathIn(HF_HOME) ?? join(pathIn(XDG_CACHE_HOME) ?? join(homedir(), '.cache'), 'huggingface');
}

async function environmentToken(): Promise<string | undefined> {
  const { env } = process;
  const token = env.HF_TOKEN ?? env.HUGGING_FACE_HUB_TOKEN;
  if (token !== undefined) return token.trim();
  if (isTrue(env.HF_HUB_DISABLE_IMPLICIT_TOKEN)) return undefined;
  const file = pathIn(env.HF_TOKEN_PATH) ?? join(home(), 'token');
  return readFile(file, 'utf8').then(
    (text) => text.trim(),
    () => undefined,
  );
}

function endpointOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'https:' && url?.protocol !== 'http:') {
    throw new HubError('name', text, 'is no address of a hub (HF_ENDPOINT), such as https://huggingface.co');
  }
  return new URL(`${url.origin}${url.pathname.replace(/\/+$/, '')}/`);
}

/** A path as Python's `expanduser` reads it; undefined when there is none. */
function pathIn(text: string | undefined): string | undefined {
  if (text === undefined || text === '') return undefined;
  return text === '~' || text.startsWith('~/') ? join(homedir(), text.slice(1)) : text;
}

function isTrue(text: string | undefined): boolean {
  return ['1', 'ON', 'YES', 'TRUE'].includes((text ?? '').toUpperCase());
}
