import { readFileSync } from 'node:fs';
import { z } from 'zod';

/** A float32 tensor of a file of directions: [hidden], or [directions, hidden]. */
export interface LayerTensor {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** What is wrong with the whole file, or with the tensor of one layer, as an error of whoever reads it. */
export type Refusal = (layer: number | undefined, message: string, options?: ErrorOptions) => Error;

const tensorName = /^layer\.(?<layer>\d+)$/;

const entry = z.object({
  dtype: z.literal('F32', { error: 'must be stored as F32' }),
  shape: z.array(z.int().positive()),
  data_offsets: z.tuple([z.int().nonnegative(), z.int().nonnegative()]),
});

/**
 * Reads the tensors `layer.<l>` of a `.safetensors` file, by layer in rising order, at once: a regularizer is made from its
 * config without waiting, and such a file is small.
 *
 * @param noun - what the file should hold, for messages: 'persona vector'.
 * @throws what `refuse` makes, for a file that is missing or damaged, or holds anything but float32 tensors of such names.
 */
export function readLayerTensors(path: string, noun: string, refuse: Refusal): Map<number, LayerTensor> {
  const bytes = readBytes(path, refuse);
  const { header, start } = readHeader(bytes, refuse);
  const tensors = new Map<number, LayerTensor>();
  for (const [name, description] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const number = tensorName.exec(name)?.groups?.layer;
    if (number === undefined)
      throw refuse(undefined, `tensor '${name}' is no ${noun}; they are named layer.<number>`);
    const layer = Number(number);
    const parsed = entry.safeParse(description);
    if (!parsed.success) throw refuse(layer, parsed.error.issues[0]!.message);
    const {
      shape,
      data_offsets: [begin, end],
    } = parsed.data;
    const count = shape.reduce((product, extent) => product * extent, 1);
    if (end - begin !== count * 4 || start + end > bytes.length)
      throw refuse(layer, 'the file ends before its values do');
    tensors.set(layer, {
      shape,
      values: new Float32Array(bytes.slice(start + begin, start + end).buffer),
    });
  }
  return new Map([...tensors].sort(([a], [b]) => a - b));
}

function readBytes(path: string, refuse: Refusal): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(readFileSync(path));
  } catch (cause) {
    throw refuse(undefined, `the file cannot be read (${(cause as Error).message})`, { cause });
  }
}

/** The JSON header of a safetensors file: its length in 8 bytes, then the text, then the data. */
function readHeader(bytes: Uint8Array<ArrayBuffer>, refuse: Refusal): { header: object; start: number } {
  try {
    const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(8, 8 + length));
    return { header: z.record(z.string(), z.unknown()).parse(JSON.parse(text)), start: 8 + length };
  } catch (cause) {
    throw refuse(undefined, 'the file is no .safetensors file, or is cut short', { cause });
  }
}
