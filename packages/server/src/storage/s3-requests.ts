import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { AwsClient } from 'aws4fetch';
import { StorageError } from '../errors.ts';
import { addressOfBucket, type S3Options } from './s3-options.ts';
import { sendOverHttp } from './send-over-http.ts';

export interface S3Request {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** Without the prefix; '' is the bucket itself. */
  readonly key: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
}

const longestPauseMilliseconds = 10_000;

/** Signed requests of one bucket, sent again when the store could not answer. */
export class S3Requests {
  readonly #bucket: string;
  readonly #keys: string;
  readonly #client: AwsClient;
  readonly #retries: number;
  readonly #retryMilliseconds: number;

  /** @throws StorageError 'refused' for options without meaning. */
  constructor(options: S3Options) {
    this.#bucket = `${addressOfBucket(options)}/`;
    this.#keys = options.prefix === undefined ? this.#bucket : `${this.#bucket}${options.prefix}/`;
    const { accessKeyId, secretAccessKey, sessionToken, region = 'us-east-1' } = options;
    this.#client = new AwsClient({
      accessKeyId,
      secretAccessKey,
      region,
      service: 's3',
      ...(sessionToken && { sessionToken }),
    });
    this.#retries = options.retries ?? 6;
    this.#retryMilliseconds = options.retryMilliseconds ?? 200;
  }

  /**
   * @returns the answer, when it is a good one. Its body must be read or cancelled.
   * @throws StorageError 'missing' when there is no such key, 'failed' for everything else.
   */
  async send(request: S3Request): Promise<Response> {
    for (let attempt = 0; ; attempt += 1) {
      let problem: StorageError;
      try {
        const response = await sendOverHttp(await this.#sign(request), request.body);
        if (response.ok) return response;
        // Error documents are short; a store that sends a long one is not listened to.
        const text = (await response.text()).slice(0, 10_000);
        problem = problemOf(request.key, response.status, text);
        if (!isPassing(response.status, text)) throw problem;
      } catch (cause) {
        if (StorageError.isInstance(cause)) throw cause;
        const reason = `the store cannot be reached (${reasonOf(cause)})`;
        problem = new StorageError(request.key, 'failed', reason, { cause });
      }
      if (attempt >= this.#retries) throw problem;
      // Some of it by chance: all who wait for a store that was overrun do not come back at once.
      const pause = Math.min(longestPauseMilliseconds, this.#retryMilliseconds * 2 ** attempt);
      await sleep(pause * (0.5 + 0.5 * Math.random()));
    }
  }

  async #sign({ method, key, query = {}, headers = {}, body }: S3Request): Promise<Request> {
    const search = new URLSearchParams(query).toString().replaceAll('+', '%20');
    const hash = createHash('sha256')
      .update(body ?? '')
      .digest('hex');
    return this.#client.sign(`${key === '' ? this.#bucket : this.#keys + key}${search && `?${search}`}`, {
      method,
      // The store refuses a body that arrives otherwise than it was sent.
      headers: { ...headers, 'x-amz-content-sha256': hash },
      ...(body !== undefined && { body }),
    });
  }
}

/** The text of an element in one of the store's documents; it has no other of the name. */
export function textOf(document: string, element: string): string | undefined {
  return textsOf(document, element)[0];
}

/** The texts of all elements of that name. */
export function textsOf(document: string, element: string): readonly string[] {
  return [...document.matchAll(new RegExp(`<${element}>([^<]*)</${element}>`, 'g'))].map(([, text = '']) =>
    text
      .replaceAll('&lt;', '<')
      .replaceAll('&gt;', '>')
      .replaceAll('&quot;', '"')
      .replaceAll('&apos;', "'")
      .replaceAll('&#34;', '"')
      .replaceAll('&#39;', "'")
      .replaceAll('&amp;', '&'),
  );
}

function problemOf(key: string, status: number, document: string): StorageError {
  const code = textOf(document, 'Code') ?? '';
  const name = /^[A-Za-z0-9]{1,64}$/.test(code) ? ` ${code}` : '';
  if (status === 404 && !['NoSuchBucket', 'NoSuchUpload'].includes(code))
    return new StorageError(key, 'missing', 'is not in the storage');
  return new StorageError(key, 'failed', `the store answered ${status}${name}`);
}

function isPassing(status: number, document: string): boolean {
  return status >= 500 || status === 429 || (status === 400 && textOf(document, 'Code') === 'RequestTimeout');
}

function reasonOf(error: unknown): string {
  const { message, cause } = error as {
    readonly message?: string;
    readonly cause?: { readonly message?: string };
  };
  return cause?.message || message || String(error);
}
