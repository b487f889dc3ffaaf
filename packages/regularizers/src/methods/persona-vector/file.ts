import { readFileSync } from 'node:fs';
import { hostArray, writeSafetensors } from '@safetune/tensor';
import { z } from 'zod';
import { PersonaVectorError } from '../../errors.ts';

/** e_l by layer: one direction in the residual stream [hidden] after layer l (0: embeddings). All of one width. */
export type PersonaVectors = ReadonlyMap<number, Float32Array>;

const tensorName = /^layer\.(?<layer>\d+)$/;

/**
 * Writes persona vectors to a `.safetensors` file: one float32 tensor `layer.<l>` [hidden] per layer.
 *
 * @throws FileWriteError of the tensor package.
 */
export async function savePersonaVectors(path: string, vectors: PersonaVectors): Promise<void> {
  const tensors = [...vectors].map(([layer, values]) => [
    `layer.${layer}`,
    hostArray(values, [values.length]),
  ]);
  await writeSafetensors(path, Object.fromEntries(tensors), { metadata: { format: 'pt' } });
}

const entry = z.object({
  dtype: z.literal('F32', { error: 'must be stored as F32' }),
  shape: z.tuple([z.int().positive()], { error: 'must be one vector: a shape [hidden]' }),
  data_offsets: z.tuple([z.int().nonnegative(), z.int().nonnegative()]),
});

/**
 * Reads what {@link savePersonaVectors} wrote, at once: a regularizer is made from its config without waiting, and
 * the file is small.
 *
 * @throws PersonaVectorError for a file that is missing, damaged, or holds anything but float32 vectors `layer.<l>` of
 * one width.
 */
export function loadPersonaVectors(path: string): PersonaVectors {
  const bytes = readBytes(path);
  const { header, start } = readHeader(path, bytes);
  const vectors = new Map<number, Float32Array>();
  for (const [name, description] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const layer = tensorName.exec(name)?.groups?.layer;
    if (layer === undefined) {
      throw new PersonaVectorError(
        path,
        undefined,
        `tensor '${name}' is no persona vector; they are named layer.<number>`,
      );
    }
    const parsed = entry.safeParse(description);
    if (!parsed.success) throw new PersonaVectorError(path, Number(layer), parsed.error.issues[0]!.message);
    const {
      shape,
      data_offsets: [begin, end],
    } = parsed.data;
    if (end - begin !== shape[0] * 4 || start + end > bytes.length) {
      throw new PersonaVectorError(path, Number(layer), 'the file ends before the vector does');
    }
    vectors.set(Number(layer), new Float32Array(bytes.slice(start + begin, start + end).buffer));
  }
  checkPersonaVectors(path, vectors);
  return new Map([...vectors].sort(([a], [b]) => a - b));
}

/** @throws PersonaVectorError when there is none, widths differ, or a value is not finite. */
export function checkPersonaVectors(source: string, vectors: PersonaVectors): PersonaVectors {
  const [first] = vectors.values();
  if (first === undefined) throw new PersonaVectorError(source, undefined, 'there is no persona vector');
  for (const [layer, values] of vectors) {
    if (values.length !== first.length) {
      throw new PersonaVectorError(
        source,
        layer,
        `the vector has ${values.length} values, another ${first.length}`,
      );
    }
    if (!values.every(Number.isFinite))
      throw new PersonaVectorError(source, layer, 'the vector holds NaN or infinite values');
  }
  return vectors;
}

function readBytes(path: string): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(readFileSync(path));
  } catch (cause) {
    throw new PersonaVectorError(path, undefined, `the file cannot be read (${(cause as Error).message})`, {
      cause,
    });
  }
}

/** The JSON header of a safetensors file: its length in 8 bytes, then the text, then the data. */
function readHeader(path: string, bytes: Uint8Array<ArrayBuffer>): { header: object; start: number } {
  try {
    const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(8, 8 + length));
    return { header: z.record(z.string(), z.unknown()).parse(JSON.parse(text)), start: 8 + length };
  } catch (cause) {
    throw new PersonaVectorError(path, undefined, 'the file is no .safetensors file, or is cut short', {
      cause,
    });
  }
}
