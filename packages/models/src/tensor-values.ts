import {
  bytesPerElement,
  contiguousData,
  decodedRows,
  type HostArray,
  isEncoded,
  tensorChunks,
  type WeightSource,
  widen,
} from '@safetune/tensor';

/** Float32 arrays that take the place of stored tensors, by name, made when they are asked for. */
export type ReplacedTensors = ReadonlyMap<string, () => Promise<HostArray>>;

/**
 * A tensor's values as float32, row-major, in chunks of a multiple of 2^21 elements (the last is shorter); one that is
 * replaced comes whole. A chunk is overwritten by the next.
 */
export async function* tensorValues(
  region: WeightSource,
  replaced?: ReplacedTensors,
): AsyncGenerator<Float32Array> {
  const replacement = replaced?.get(region.name);
  if (replacement !== undefined) {
    yield contiguousData(await replacement()) as Float32Array;
    return;
  }
  if (isEncoded(region)) {
    const [rows = 1] = region.shape;
    const columns = region.shape.reduce((product, extent) => product * extent, 1) / rows;
    yield* decodedRows(region, Math.max(1, Math.floor(chunkElements / columns)));
    return;
  }
  const { dtype } = region;
  if (dtype === 'float32') {
    for await (const chunk of tensorChunks(region)) {
      yield new Float32Array(chunk.buffer, chunk.byteOffset, chunk.length / 4);
    }
    return;
  }
  let values = new Float32Array();
  for await (const chunk of tensorChunks(region)) {
    const halves = new Uint16Array(chunk.buffer, chunk.byteOffset, chunk.length / bytesPerElement(dtype));
    if (values.length < halves.length) values = new Float32Array(halves.length);
    const target = values.subarray(0, halves.length);
    widen(dtype as 'float16' | 'bfloat16', halves, target);
    yield target;
  }
}

/** 8 MiB of float32. */
const chunkElements = 2 ** 21;

/** A tensor's values in one array of its own. */
export async function allValues(region: WeightSource, replaced?: ReplacedTensors): Promise<Float32Array> {
  const values = new Float32Array(region.shape.reduce((product, extent) => product * extent, 1));
  let position = 0;
  for await (const chunk of tensorValues(region, replaced)) {
    values.set(chunk, position);
    position += chunk.length;
  }
  return values;
}
