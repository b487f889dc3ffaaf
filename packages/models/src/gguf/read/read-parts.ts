import { basename } from 'node:path';
import { GgufError } from '../../errors.ts';
import { partsOfFile } from './part-names.ts';
import { type GgufFile, type GgufTensor, readGguf } from './read-gguf.ts';

/**
 * A model's GGUF file and, where it is the first of several that llama.cpp's `gguf-split` made (`name-00001-of-00003.gguf`), the
 * tensors of the others beside it: only the first has the model's metadata. As llama.cpp, it wants all of them, each in its place.
 *
 * @throws GgufError
 */
export async function readParts(path: string): Promise<GgufFile> {
  const first = await readGguf(path);
  const count = first.metadata.count('split.count') ?? 1;
  if (count <= 1) return first;
  const paths = partsOfFile(path);
  if (paths.length !== count) {
    const message = `is one of ${count} files of a model, which are found by their names: call it NAME-${digits(1)}-of-${digits(count)}.gguf, and the others alike`;
    throw new GgufError('split', path, undefined, message);
  }
  const place = first.metadata.count('split.no') ?? 0;
  if (place !== 0 || paths[0] !== path) {
    const message = `is part ${place + 1} of ${count}; the first part stands for all: ${paths[0]}`;
    throw new GgufError('split', path, undefined, message);
  }
  const tensors = new Map(first.tensors);
  for (const [index, part] of paths.entries()) if (index > 0) await addPart(tensors, part, index, count);
  const stated = first.metadata.count('split.tensors.count');
  if (stated !== undefined && stated !== tensors.size) {
    const message = `is ${stated}, the ${count} files hold ${tensors.size}: they are not of one model`;
    throw new GgufError('split', path, 'split.tensors.count', message);
  }
  return { ...first, tensors };
}

async function addPart(
  tensors: Map<string, GgufTensor>,
  part: string,
  index: number,
  count: number,
): Promise<void> {
  const file = await readGguf(part);
  const [place, all] = [file.metadata.count('split.no'), file.metadata.count('split.count')];
  if (place !== index || all !== count) {
    const found =
      place === undefined ? 'says of no part which it is' : `says it is part ${place + 1} of ${all}`;
    throw new GgufError(
      'split',
      part,
      undefined,
      `${found}; by its name it is part ${index + 1} of ${count}`,
    );
  }
  for (const [name, tensor] of file.tensors) {
    const other = tensors.get(name);
    if (other !== undefined)
      throw new GgufError('duplicate', part, name, `is in ${basename(other.file)} as well`);
    tensors.set(name, tensor);
  }
}

function digits(number: number): string {
  return String(number).padStart(5, '0');
}
