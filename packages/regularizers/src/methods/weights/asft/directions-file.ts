import {
  bytesPerElement,
  convertOnce,
  type HalfPrecision,
  type TensorRegion,
  type TensorStream,
  tensorChunks,
  widen,
} from '@safetune/tensor';
import type { DirectionRegions } from '../safe-lora/direction.ts';

/** Elements of a matrix that are in memory at a time. */
const chunkElements = 2 ** 20;

/**
 * V = W_aligned - W_base of each layer as float32 in a file of the cache, written once: a session maps it from there.
 *
 * @param regions - of both checkpoints, by layer.
 * @returns regions of that file, by layer
 * @throws SafetensorsError when a checkpoint vanished or changed, FileWriteError when the cache cannot be written.
 */
export function directionsFile(
  regions: ReadonlyMap<string, DirectionRegions>,
  cacheDirectory: string,
): Promise<ReadonlyMap<string, TensorRegion>> {
  const sources = [...regions].flatMap(([layer, { base, aligned }]) => [
    { ...base, name: `base.${layer}` },
    { ...aligned, name: `aligned.${layer}` },
  ]);
  const results = [...regions].map(
    ([layer, pair]): TensorStream => ({
      name: layer,
      dtype: 'float32',
      shape: pair.aligned.shape,
      chunks: () => differences(pair),
    }),
  );
  return convertOnce({ sources, kind: 'safety-directions', results }, cacheDirectory);
}

async function* differences({ base, aligned }: DirectionRegions): AsyncGenerator<Uint8Array> {
  const before = floatChunks(base);
  for await (const values of floatChunks(aligned)) {
    const { value } = await before.next();
    for (let index = 0; index < values.length; index++) values[index]! -= value![index]!;
    yield new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  }
  // Both are read to their ends, where what was read is held against its digest.
  await before.next();
}

async function* floatChunks(region: TensorRegion): AsyncGenerator<Float32Array, undefined> {
  const { dtype } = region;
  for await (const chunk of tensorChunks(region, chunkElements * bytesPerElement(dtype))) {
    const count = chunk.byteLength / bytesPerElement(dtype);
    if (dtype === 'float32') {
      yield new Float32Array(chunk.slice().buffer);
      continue;
    }
    const values = new Float32Array(count);
    widen(dtype as HalfPrecision, new Uint16Array(chunk.buffer, chunk.byteOffset, count), values);
    yield values;
  }
  return undefined;
}
