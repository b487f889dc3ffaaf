import type { IncomingHttpHeaders } from 'node:http';

/**
 * How long a server asks to wait, in milliseconds: `retry-after-ms`, or `Retry-After` in seconds or as an HTTP date (RFC
 * 9110, 10.2.3). A date is taken against the server's own `Date`, where it gives one, so that clocks may differ.
 *
 * @param now the time here, in milliseconds since 1970.
 * @returns undefined when the server says nothing that can be read.
 */
export function retryAfterMs(headers: IncomingHttpHeaders, now: number): number | undefined {
  const milliseconds = headers['retry-after-ms'];
  if (typeof milliseconds === 'string' && /^\d+(\.\d+)?$/.test(milliseconds)) return Number(milliseconds);
  const text = headers['retry-after']?.trim();
  if (text === undefined || text === '') return undefined;
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
  const until = /^[A-Z][a-z]{2,8},? /.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(until)) return undefined;
  const theirs = Date.parse(headers.date ?? '');
  return Math.max(0, until - (Number.isNaN(theirs) ? now : theirs));
}
