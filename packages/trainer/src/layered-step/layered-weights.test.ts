import { truncateSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  hostArray,
  openSafetensors,
  SafetensorsError,
  type TensorRegion,
  writeSafetensors,
} from '@safetune/tensor';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type BlockWeights, residentWeights, streamedWeights } from './layered-weights.ts';

let directory: string;
let blocks: TensorRegion[][];
const blockCount = 5;

/** Block b holds a float32 'w' [b + 1] of value b, and an int8 'q' [3] of value -b. */
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'safetune-weights-'));
  const file = join(directory, 'weights.safetensors');
  const tensors = Array.from({ length: blockCount }, (_, block) => [
    [`${block}.w`, hostArray(new Float32Array(block + 1).fill(block), [block + 1])] as const,
    [`${block}.q`, hostArray(new Int8Array(3).fill(-block), [3])] as const,
  ]);
  await writeSafetensors(file, Object.fromEntries(tensors.flat()));
  const opened = await openSafetensors(file);
  blocks = tensors.map((block) => block.map(([name]) => opened.tensors.get(name)!));
});
afterEach(() => rm(directory, { recursive: true }));

async function expectBlock(weights: BlockWeights, block: number, next?: number) {
  const { [`${block}.w`]: w, [`${block}.q`]: q } = await weights.load(block, next);
  expect(w!.data).toEqual(new Float32Array(block + 1).fill(block));
  expect(w!.shape).toEqual([block + 1]);
  expect(q!.data).toEqual(new Int8Array(3).fill(-block));
}

describe.each([
  ['resident', (regions: TensorRegion[][]) => residentWeights(regions)],
  ['streamed', async (regions: TensorRegion[][]) => streamedWeights(regions)],
])('%s', (_name, open) => {
  it('gives every block its own values, up, down and again', async () => {
    const weights = await open(blocks);
    for (let pass = 0; pass < 2; pass++) {
      for (let block = 0; block < blockCount; block++) {
        await expectBlock(weights, block, block + 1 < blockCount ? block + 1 : undefined);
      }
      for (let block = blockCount - 1; block >= 0; block--)
        await expectBlock(weights, block, block > 0 ? block - 1 : undefined);
    }
    await weights.close();
  });

  it('gives what was asked, also when another block was announced', async () => {
    const weights = await open(blocks);
    await expectBlock(weights, 0, 1);
    await expectBlock(weights, 3, 4);
    await expectBlock(weights, 1, 2);
    await expectBlock(weights, 0);
    await weights.close();
  });

  it('names the tensor of a file that was cut short', async () => {
    const last = blocks.flat().reduce((a, b) => (b.offset > a.offset ? b : a));
    truncateSync(last.file, last.offset + 1);
    const load = async () => {
      const weights = await open(blocks);
      try {
        for (const block of blocks.keys()) await weights.load(block);
      } finally {
        await weights.close();
      }
    };
    await expect(load()).rejects.toSatisfy(
      (error) =>
        SafetensorsError.isInstance(error) && error.problem === 'truncated' && error.tensor === last.name,
    );
  });
});

it('streams through memory for two blocks', async () => {
  const weights = streamedWeights(blocks);
  const first = (await weights.load(0))['0.q']!.data.buffer;
  const second = (await weights.load(1))['1.q']!.data.buffer;
  const third = (await weights.load(2))['2.q']!.data.buffer;
  expect(third).toBe(first);
  expect(second).not.toBe(first);
  await weights.close();
});
