import { InvalidOptionError } from '../errors.ts';
import { redactText } from './redact.ts';

/** An endpoint's address, taken apart: what is asked, what may be shown, what must not. */
export interface EndpointAddress {
  /** Where chat completions are asked for; without credentials. */
  readonly completions: URL;
  /** The base address as reports and messages show it: without credentials and query. */
  readonly shown: string;
  /** Value of the Authorization header; undefined when none is sent. */
  readonly authorization: string | undefined;
  /** What must never be written anywhere. */
  readonly secrets: readonly string[];
}

const secretName = /key|token|secret|password|sig/i;

/**
 * Reads the base address of an OpenAI-compatible API. Credentials in it are sent as basic authentication, in the place
 * of a key from the environment; a query stays with every request.
 *
 * @throws {InvalidOptionError} for what is no http(s) address, for a key that cannot be sent, and for a key beside
 *   credentials. The message holds no secret.
 */
export function endpointAddress(url: string, apiKey: string | undefined): EndpointAddress {
  const base = URL.canParse(url) ? new URL(url) : undefined;
  if (base?.protocol !== 'http:' && base?.protocol !== 'https:') {
    const message = `'${redactText(url)}' is not the address of an endpoint; give its base, such as http://127.0.0.1:8000/v1`;
    throw new InvalidOptionError('url', message);
  }
  const user = decoded(base.username);
  const password = decoded(base.password);
  const written = base.password;
  const hasCredentials = user !== '' || password !== '';
  if (hasCredentials && apiKey)
    throw new InvalidOptionError(
      'apiKey',
      'the address has a user and a password already; give one or the other',
    );
  const key = hasCredentials ? undefined : (apiKey ?? process.env.OPENAI_API_KEY) || undefined;
  if (key !== undefined && !/^[\x21-\x7e]+$/.test(key))
    throw new InvalidOptionError(
      'apiKey',
      'holds a space, a line break or another character that a header cannot hold',
    );
  const credentials = `${user}:${password}`;
  const basic = Buffer.from(credentials).toString('base64');

  base.username = '';
  base.password = '';
  base.hash = '';
  base.pathname = base.pathname.replace(/\/+$/, '').replace(/\/chat\/completions$/, '');
  const shown = `${base.origin}${base.pathname === '/' ? '' : base.pathname}`;
  const completions = new URL(base);
  completions.pathname = `${base.pathname.replace(/\/$/, '')}/chat/completions`;
  return {
    completions,
    shown,
    authorization: hasCredentials ? `Basic ${basic}` : key && `Bearer ${key}`,
    secrets: [
      ...(hasCredentials ? [basic, credentials, password, written] : []),
      ...(key === undefined ? [] : [key]),
      // A key may stand in the query: ?key=...
      ...[...base.searchParams].filter(([name]) => secretName.test(name)).map(([, value]) => value),
    ].filter((secret) => secret !== ''),
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
