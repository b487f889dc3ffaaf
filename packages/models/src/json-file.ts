import { basename, dirname, relative } from 'node:path';
import { FileReadError, folderMistake, readSmallJson, readSmallText } from '@safetune/tensor';
import type { z } from 'zod';
import { ModelFileError } from './errors.ts';
import { ggufModel } from './gguf/read/gguf-model.ts';

/**
 * The contents of a JSON file, unchecked. As all files of a model folder, it must be a regular file inside it, of bounded
 * size: see `readSmallFile` of the tensor package. Where a GGUF file stands in the folder's place, its metadata is asked: it
 * says what such a file would.
 *
 * @param folder - the model's folder; default the one the file is in.
 * @throws ModelFileError when it is missing, refused or not JSON; GgufError.
 */
export async function readJson(file: string, folder: string = dirname(file)): Promise<unknown> {
  const content = await readOptionalJson(file, folder);
  if (content !== undefined) return content;
  const mistake = await folderMistake(folder, 'model');
  throw new ModelFileError(
    file,
    mistake === undefined
      ? 'there is no such file; is this a Hugging Face model folder?'
      : `is not there: ${folder} ${mistake}`,
  );
}

/** As {@link readJson}, but undefined when there is no such file. */
export async function readOptionalJson(file: string, folder: string = dirname(file)): Promise<unknown> {
  const gguf = await ggufModel(folder);
  if (gguf !== undefined) return gguf.json(relative(folder, file));
  return readOptional(file, () => readSmallJson(file, { folder, maximumBytes: maximumBytes(file) }));
}

/** The text of a file, or undefined when there is no such file. @throws ModelFileError when it cannot be read. */
export async function readOptionalText(
  file: string,
  folder: string = dirname(file),
): Promise<string | undefined> {
  return readOptional(file, () => readSmallText(file, { folder, maximumBytes: maximumBytes(file) }));
}

/** The largest tokenizers, of 260,000 tokens, take 35 MB. */
function maximumBytes(file: string): number {
  return basename(file) === 'tokenizer.json' ? 128e6 : 16e6;
}

async function readOptional<Content>(
  file: string,
  read: () => Promise<Content>,
): Promise<Content | undefined> {
  try {
    return await read();
  } catch (cause) {
    if (!FileReadError.isInstance(cause)) throw cause;
    if (cause.problem === 'missing') return undefined;
    throw new ModelFileError(file, cause.reason, { cause });
  }
}

/** `content` as the schema has it. @throws ModelFileError that names the keys that do not fit. */
export function checkContent<Schema extends z.ZodType>(
  file: string,
  content: unknown,
  schema: Schema,
): z.output<Schema> {
  const result = schema.safeParse(content);
  if (result.success) return result.data;
  const { issues } = result.error;
  const problems = issues
    .slice(0, shownProblems)
    .map(({ path, message }) => (path.length === 0 ? message : `${path.join('.')}: ${message}`));
  const more = issues.length > shownProblems ? `; and ${issues.length - shownProblems} more` : '';
  throw new ModelFileError(file, `${problems.join('; ')}${more}`);
}

const shownProblems = 8;
