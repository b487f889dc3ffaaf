import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, readFileSync, truncateSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { printable } from '../printable.ts';
import type { Clock } from './clock.ts';
import { RecordingError } from './endpoint-errors.ts';
import { NoAnswer, type Post, RefusedRedirect } from './http-post.ts';
import type { Redactor } from './redact.ts';

const exchange = z.object({
  /** When the request was sent. */
  at: z.iso.datetime(),
  /** The endpoint, without credentials. */
  url: z.string(),
  /** The body. */
  request: z.record(z.string(), z.unknown()),
  /** Of the answer; none of the four when no answer came. */
  status: z.int().exactOptional(),
  headers: z.record(z.string(), z.string()).exactOptional(),
  response: z.string().exactOptional(),
  /** Why no answer came. */
  failure: z.string().exactOptional(),
});
type Exchange = z.infer<typeof exchange>;

/** Headers that decide what is done with an answer. */
const keptHeaders = ['content-type', 'date', 'retry-after', 'retry-after-ms', 'x-request-id'];

/** What {@link recordingPost} needs to know beside the file. */
export interface RecordingContext {
  /** Base address of the endpoint, without credentials. */
  readonly url: string;
  readonly redact: Redactor;
  readonly clock: Clock;
}

/**
 * Appends every request and what came back to a JSONL file, one object a line, written whole, without secrets. Request
 * headers are not written.
 *
 * @throws {RecordingError} when the file cannot be written.
 */
export function recordingPost(post: Post, path: string, context: RecordingContext): Post {
  const { url, redact, clock } = context;
  let isOpen = false;

  function append(entry: Exchange): void {
    try {
      if (!isOpen) cutTornLine(path);
      isOpen = true;
      appendFileSync(path, `${JSON.stringify(entry)}\n`, { mode: 0o600 });
    } catch (cause) {
      throw new RecordingError(path, `cannot be written (${(cause as Error).message})`, { cause });
    }
  }

  return async (json, signal) => {
    const at = new Date(clock.now()).toISOString();
    const request = JSON.parse(redact.content(json)) as Exchange['request'];
    try {
      const answer = await post(json, signal);
      const { status, text } = answer;
      const headers = keptHeaders.flatMap((name) => {
        const value = answer.headers[name];
        return typeof value === 'string' ? [[name, redact.message(value)] as const] : [];
      });
      // An error is no data: whatever looks like a secret is taken out of it.
      const response = status === 200 ? redact.content(text) : redact.message(text);
      append({ at, url, request, status, headers: Object.fromEntries(headers), response });
      return answer;
    } catch (error) {
      if (error instanceof NoAnswer || error instanceof RefusedRedirect)
        append({ at, url, request, failure: redact.message(error.message) });
      throw error;
    }
  };
}

/** Makes the folder, and cuts off a line that a killed process did not finish. */
function cutTornLine(path: string): void {
  mkdirSync(dirname(path), { recursive: true });
  if (!existsSync(path)) return;
  truncateSync(path, readFileSync(path).lastIndexOf(0x0a) + 1);
}

/**
 * Answers from a recording in the place of an endpoint. A request is found by its whole body; of several answers to the
 * same body each is given once, in their order, then the last again. Failures that were overcome are left out.
 *
 * @throws {RecordingError} while answering, for a file that cannot be read, and for a request that is not in it.
 */
export function replayingPost(path: string, redact: Redactor): Post {
  let answers: Map<string, Exchange[]> | undefined;
  return async (json, signal) => {
    signal?.throwIfAborted();
    answers ??= readRecording(path);
    const request = JSON.parse(redact.content(json));
    const found = answers.get(keyOf(request));
    if (found === undefined) {
      const question = printable(JSON.stringify(request.messages?.at(-1)?.content ?? request), 200);
      const message = `holds no answer to this request to '${printable(String(request.model), 100)}': ${question}; it was made with other questions, answers, prompts or settings`;
      throw new RecordingError(path, message);
    }
    const { status, headers, response } = (found.length > 1 ? found.shift() : found[0])!;
    return { status: status!, headers: headers ?? {}, text: response ?? '' };
  };
}

function readRecording(path: string): Map<string, Exchange[]> {
  const answers = new Map<string, Exchange[]>();
  for (const [index, line] of readLines(path).entries()) {
    const entry = exchangeOf(line);
    if (entry === undefined) throw new RecordingError(path, `line ${index + 1} is not a recorded request`);
    const { status } = entry;
    if (status === undefined || isPassing(status)) continue;
    const key = keyOf(entry.request);
    const list = answers.get(key);
    if (list === undefined) answers.set(key, [entry]);
    else list.push(entry);
  }
  return answers;
}

function exchangeOf(line: string): Exchange | undefined {
  try {
    return exchange.parse(JSON.parse(line));
  } catch {
    return undefined;
  }
}

/** The whole lines; a last one that has no end was being written when its process was killed. */
function readLines(path: string): string[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new RecordingError(path, `cannot be read (${(cause as Error).message})`, { cause });
  }
  return text.split('\n').slice(0, -1);
}

function isPassing(status: number): boolean {
  return status === 408 || status === 409 || status === 429 || status >= 500;
}

function keyOf(request: unknown): string {
  return createHash('sha256').update(JSON.stringify(request)).digest('base64');
}
