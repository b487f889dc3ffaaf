import { request as overHttp } from 'node:http';
import { request as overHttps } from 'node:https';
import { Readable } from 'node:stream';

/** Statuses whose answers have no body. */
const withoutBody = new Set([204, 205, 304]);

/**
 * Sends a request that was signed, and follows nothing. In the place of `fetch`, whose parser ends the whole process when a server closes a
 * connection while its answer waits for a slow reader (`assert(!this.paused)` of undici, in Node.js 24.21).
 */
export function sendOverHttp(signed: Request, body: Uint8Array | string | undefined): Promise<Response> {
  const url = new URL(signed.url);
  const send = url.protocol === 'https:' ? overHttps : overHttp;
  return new Promise((resolve, reject) => {
    const call = send(
      url,
      {
        method: signed.method,
        headers: {
          ...Object.fromEntries(signed.headers),
          'content-length': String(body === undefined ? 0 : Buffer.byteLength(body)),
        },
      },
      (message) => {
        const status = message.statusCode ?? 0;
        const headers = new Headers();
        for (const [name, value] of Object.entries(message.headers))
          for (const one of [value ?? []].flat()) headers.append(name, one);
        if (withoutBody.has(status)) {
          message.resume();
          resolve(new Response(null, { status, headers }));
          return;
        }
        resolve(new Response(Readable.toWeb(message) as ReadableStream<Uint8Array>, { status, headers }));
      },
    );
    call.on('error', reject);
    call.end(body);
  });
}
