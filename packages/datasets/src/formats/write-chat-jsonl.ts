import { randomUUID } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { DatasetFileError, EmptyDatasetError } from '../errors.ts';
import { type ChatExample, requireSupportedKeys, rowOfExample } from '../example/example.ts';
import type { Source } from '../streams/stream.ts';

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
    await onDisk(path, () => file.appendFile(`${JSON.stringify(rowOfExample(example))}\n`));
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
