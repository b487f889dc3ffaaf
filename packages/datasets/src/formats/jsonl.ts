import { randomUUID } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { DatasetFileError, DatasetFormatError, EmptyDatasetError } from '../errors.ts';
import { type ChatExample, parseChatExample, requireSupportedKeys } from '../example.ts';
import { requireKnownOptions } from '../options.ts';
import type { ExampleOrigin } from '../origin.ts';
import { printable } from '../printable.ts';
import { collect, type Source } from '../stream.ts';
import { type LineOptions, readLines } from './lines.ts';

/**
 * Streams a chat JSONL file: one `{"messages": [{"role", "content"}, ...], "tools"?: [...], "tags"?: [...]}` per line, see
 * {@link parseChatExample}. Empty lines are skipped, keys that only describe a row are dropped. Every example carries its file and line as `origin`.
 *
 * @throws {@link DatasetFileError} when the file cannot be read, or is of another format, such as Parquet;
 * {@link DatasetFormatError}, naming file and line, at a line that is too long, not JSON, not a chat, or has a key that asks for
 * what is not supported; {@link EmptyDatasetError} at the end of a file without examples.
 */
export function readChatJsonl(
  path: string,
  options: LineOptions = {},
): AsyncGenerator<ChatExample, void, undefined> {
  requireKnownOptions('readChatJsonl', options, ['maxLineBytes']);
  return readExamples(path, options);
}

async function* readExamples(
  path: string,
  options: LineOptions,
): AsyncGenerator<ChatExample, void, undefined> {
  let count = 0;
  for await (const { text, line } of readLines(path, options)) {
    if (text.trim() === '') continue;
    const origin = { file: path, line };
    yield parseChatExample(parseJson(text, origin), origin);
    count += 1;
  }
  if (count === 0) {
    throw new EmptyDatasetError(`${path}: the file holds no example. Write one chat per line.`);
  }
}

function parseJson(text: string, origin: ExampleOrigin): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const advice = 'Every line must hold one whole JSON object';
    throw new DatasetFormatError(origin, `not JSON (${printable(reason, 200)})`, advice, { cause });
  }
}

/** All examples of a chat JSONL file, in its order. Reads and throws like {@link readChatJsonl}. */
export async function loadChatJsonl(path: string, options: LineOptions = {}): Promise<ChatExample[]> {
  return collect(readChatJsonl(path, options));
}

/**
 * Writes examples as chat JSONL, streaming, and gives their number. Either the whole file appears or nothing: it is
 * written under a temporary name beside the target and renamed. `origin` is not written.
 *
 * @throws {@link DatasetFileError} when the file cannot be written; {@link EmptyDatasetError} when there are no examples;
 * {@link ChatExampleError} for one with keys that could not be read again;
 * whatever the source throws. In each case a file already at `path` stays as it was.
 */
export async function writeChatJsonl(path: string, examples: Source<ChatExample>): Promise<number> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomUUID()}.tmp`);
  const file = await onDisk(path, () => open(temporary, 'wx'));
  try {
    const count = await writeLines(path, file, examples);
    await onDisk(path, () => file.close());
    await onDisk(path, () => rename(temporary, path));
    return count;
  } catch (error) {
    await file.close().catch(() => undefined);
    await rm(temporary, { force: true });
    throw error;
  }
}

async function writeLines(path: string, file: FileHandle, examples: Source<ChatExample>): Promise<number> {
  let count = 0;
  for await (const example of examples) {
    requireSupportedKeys(example);
    const { messages, tools, documents, templateArguments, tags } = example;
    const record = {
      messages,
      ...(tools?.length && { tools }),
      ...(documents?.length && { documents }),
      ...(templateArguments && { chat_template_kwargs: templateArguments }),
      ...(tags?.length && { tags }),
    };
    await onDisk(path, () => file.appendFile(`${JSON.stringify(record)}\n`));
    count += 1;
  }
  if (count === 0) throw new EmptyDatasetError(`${path}: there are no examples to write.`);
  await onDisk(path, () => file.sync());
  return count;
}

async function onDisk<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const advice = 'Check that the folder exists and can be written to.';
    throw new DatasetFileError(path, `the data file cannot be written (${reason}). ${advice}`, { cause });
  }
}
