import { createHash } from 'node:crypto';
import { FileReadError } from './errors.ts';
import { type OpenedFile, type OpenFileOptions, openRegularFile } from './open-file.ts';

/**
 * SHA-256 of a file's bytes, in hexadecimal; undefined when there is no such file. Memory use does not grow with it.
 *
 * @throws FileReadError for what `openRegularFile` refuses: pipes, devices, and links out of `options.folder`.
 */
export async function fileDigest(path: string, options?: OpenFileOptions): Promise<string | undefined> {
  let opened: OpenedFile;
  try {
    opened = await openRegularFile(path, options);
  } catch (error) {
    if (FileReadError.isInstance(error) && error.problem === 'missing') return undefined;
    throw error;
  }
  const hash = createHash('sha256');
  // The stream closes the handle at its end and when it fails.
  for await (const chunk of opened.handle.createReadStream({ highWaterMark: 2 ** 20 })) {
    hash.update(chunk as Buffer);
  }
  return hash.digest('hex');
}
