import { stat } from 'node:fs/promises';
import { ModelFileError } from '../errors.ts';

/** Real tokenizer.json files have up to 35 MB. */
const largest = 128 * 2 ** 20;

/** Refuses a file too large for a tokenizer before it is read. A missing file is left to who reads it. */
export async function checkFileSize(file: string): Promise<void> {
  const size = await stat(file).then(
    (stats) => stats.size,
    () => 0,
  );
  if (size > largest)
    throw new ModelFileError(file, `has ${size} bytes; at most ${largest} are supported for a tokenizer`);
}
