import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Batch, padBatch } from '@safetune/datasets';
import { type Checkpoint, openSafetensors, readTensor, type SafetensorsFile } from '@safetune/tensor';

/** Golden files that Python made; see conformance/README.md. */
const goldens = fileURLToPath(new URL('../../../../conformance/goldens', import.meta.url));

export const goldensDirectory = (name: string) => join(goldens, name);
export const checkpointDirectory = (name: string) => join(goldens, 'checkpoints', name);
export const ggufFile = (name: string) => join(goldens, 'gguf-models', `${name}.gguf`);
export const adapterDirectory = (name: string) => join(goldens, 'adapters', name);
export const lorasDirectory = (name: string) => join(goldens, 'lora-options', name);
export const combinationsDirectory = (name: string) => join(goldens, 'lora-combinations', name);

export async function readJson<T>(...path: string[]): Promise<T> {
  return JSON.parse(await readFile(join(...path), 'utf8')) as T;
}

/** The fixed batch of a golden: rows cut to their lengths and padded again by our own code. */
export async function goldenBatch(file: SafetensorsFile | Checkpoint, prefix: string): Promise<Batch> {
  const read = async (name: string) =>
    Array.from((await readTensor(file.tensors.get(`${prefix}${name}`)!)).data, Number);
  const [ids, lengths, mask] = [await read('input_ids'), await read('lengths'), await read('response_mask')];
  const width = ids.length / lengths.length;
  return padBatch(
    lengths.map((length, row) => ({
      tokenIds: Int32Array.from(ids.slice(row * width, row * width + length)),
      responseMask: Uint8Array.from(mask.slice(row * width, row * width + length)),
      tags: [],
    })),
    { padTokenId: 0 },
  );
}

/** Relative l2 distance of two vectors. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let difference = 0;
  let norm = 0;
  for (let index = 0; index < expected.length; index++) {
    difference += (actual[index]! - expected[index]!) ** 2;
    norm += expected[index]! ** 2;
  }
  return Math.sqrt(difference / norm);
}

export { openSafetensors };
