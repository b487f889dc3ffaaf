import { readFile } from 'node:fs/promises';
import type { z } from 'zod';
import { ModelFileError } from './errors.ts';

/**
 * The contents of a JSON file, unchecked.
 *
 * @throws ModelFileError when it is missing or not JSON.
 */
export async function readJson(file: string): Promise<unknown> {
  const content = await readOptionalJson(file);
  if (content === undefined)
    throw new ModelFileError(file, 'there is no such file; is this a Hugging Face model folder?');
  return content;
}

/** As {@link readJson}, but undefined when there is no such file. */
export async function readOptionalJson(file: string): Promise<unknown> {
  const text = await readOptionalText(file);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new ModelFileError(file, `is not JSON (${(cause as Error).message})`, { cause });
  }
}

/** The text of a file, or undefined when there is no such file. @throws ModelFileError when it cannot be read. */
export async function readOptionalText(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new ModelFileError(file, `cannot be read (${(cause as Error).message})`, { cause });
  }
}

/** `content` as the schema has it. @throws ModelFileError that names every key that does not fit. */
export function checkContent<Schema extends z.ZodType>(
  file: string,
  content: unknown,
  schema: Schema,
): z.output<Schema> {
  const result = schema.safeParse(content);
  if (result.success) return result.data;
  const problems = result.error.issues.map(({ path, message }) =>
    path.length === 0 ? message : `${path.join('.')}: ${message}`,
  );
  throw new ModelFileError(file, problems.join('; '));
}
