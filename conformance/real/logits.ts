import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LoraAdapter } from '../../packages/lora/src/index.ts';
import type { CausalLm } from '../../packages/models/src/index.ts';
import {
  compile,
  gather,
  hostArray,
  multiplyDimensions,
  openSafetensors,
  readTensor,
  reshape,
  tensorType,
} from '../../packages/tensor/src/index.ts';
import { runPython } from '../python.ts';

/** Token ids, and the positions whose logits are wanted: all of a large vocabulary would be gigabytes. */
export interface LogitRequest {
  readonly row: readonly number[];
  readonly positions: readonly number[];
}

/** Logits [positions, vocabulary] of each request, here. */
export async function ourLogits(
  model: CausalLm,
  requests: readonly LogitRequest[],
  adapter?: LoraAdapter,
): Promise<Float32Array[]> {
  const factors = adapter?.tensors ?? {};
  const signature = {
    tokenIds: tensorType('int64', ['batch', 'seq']),
    positions: tensorType('int64', ['kept']),
    ...Object.fromEntries(
      Object.entries(factors).map(([name, { shape }]) => [name, tensorType('float32', shape)]),
    ),
  };
  const executable = await compile(
    ({ tokenIds, positions, ...traced }) => {
      const options = adapter === undefined ? {} : { linear: adapter.linear(traced) };
      const { output } = model.forward(tokenIds!, options);
      const rows = reshape(output, [multiplyDimensions('batch', 'seq'), model.config.hiddenSize]);
      return { logits: model.head(gather(rows, positions!)) };
    },
    signature as Record<string, ReturnType<typeof tensorType>>,
  );
  const all: Float32Array[] = [];
  for (const { row, positions } of requests) {
    const { logits } = await executable.run({
      tokenIds: hostArray(BigInt64Array.from(row, BigInt), [1, row.length]),
      positions: hostArray(BigInt64Array.from(positions, BigInt), [positions.length]),
      ...factors,
    });
    all.push((logits!.data as Float32Array).slice());
  }
  await executable.release();
  return all;
}

/** The same in Python, with transformers and peft. */
export async function pythonLogits(
  folder: string,
  requests: readonly LogitRequest[],
  adapter?: string,
): Promise<Float32Array[]> {
  const out = join(tmpdir(), `safetune-logits-${process.pid}.safetensors`);
  await runPython('real/say.py', [
    ...['logits', '--model', folder, '--out', out],
    ...['--rows', JSON.stringify(requests.map(({ row }) => row))],
    ...['--positions', JSON.stringify(requests.map(({ positions }) => positions))],
    ...(adapter === undefined ? [] : ['--adapter', adapter]),
  ]);
  try {
    const { tensors } = await openSafetensors(out);
    const read = requests.map((_, index) => readTensor(tensors.get(`logits.${index}`)!));
    return (await Promise.all(read)).map(({ data }) => data as Float32Array);
  } finally {
    await rm(out);
  }
}

/** The largest difference of two sets of logits, relative to the largest logit of the second. */
export function relativeDifference(ours: readonly Float32Array[], theirs: readonly Float32Array[]): number {
  let [difference, largest] = [0, 0];
  for (const [index, row] of theirs.entries()) {
    if (ours[index]?.length !== row.length)
      throw new Error(`row ${index} has other logits: ${ours[index]?.length}, ${row.length}`);
    for (const [place, value] of row.entries()) {
      difference = Math.max(difference, Math.abs(ours[index]![place]! - value));
      largest = Math.max(largest, Math.abs(value));
    }
  }
  return difference / largest;
}
