import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { contiguousData, type TensorRegion } from '@safetune/tensor';
import type { ForwardBatchOptions } from './forward-batches.ts';

/** Bytes of each weight that are looked at: training changes every weight, so its beginning tells versions apart. */
const sampledBytes = 4096;

/**
 * A hash that is the same for the same model, adapter values, tokenizer and longest length, wherever the files lie, and
 * another for others. Of each weight only the first 4 KiB are read.
 */
export async function modelIdentity({
  model,
  tokenizer,
  adapter,
  maxLength = 2048,
}: ForwardBatchOptions): Promise<string> {
  const hash = createHash('sha256');
  const probe = tokenizer.renderChat([
    { role: 'user', content: 'Which tokenizer is this?' },
    { role: 'assistant', content: 'One of many: 1234, ä.' },
  ]);
  hash.update(JSON.stringify([model.config, maxLength, probe, tokenizer.encode(probe)]));
  for (const region of model.weights.values()) {
    hash.update(JSON.stringify([region.name, region.shape]));
    hash.update(await beginning(region));
  }
  for (const { name, scale, a, b } of adapter?.modules ?? []) {
    hash.update(JSON.stringify([name, scale, a.shape, b.shape]));
    for (const factor of [a, b]) hash.update(contiguousData(factor));
  }
  return hash.digest('hex').slice(0, 32);
}

async function beginning({ file, offset, byteLength }: TensorRegion): Promise<Uint8Array> {
  const handle = await open(file, 'r');
  try {
    const bytes = new Uint8Array(Math.min(sampledBytes, byteLength));
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, offset);
    return bytes.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}
