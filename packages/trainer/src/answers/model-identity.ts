import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { contiguousData } from '@safetune/tensor';
import { tokenizerDigests, weightsDigest } from '../run/fingerprint.ts';
import type { ForwardBatchOptions } from './forward-batches.ts';

/**
 * A hash that is the same for the same model, adapter values, tokenizer and longest length, wherever the files lie, and
 * another for others. The digest of the model's weights is remembered while their files do not change.
 */
export async function modelIdentity({
  model,
  tokenizer,
  adapter,
  maxLength = 2048,
}: ForwardBatchOptions): Promise<string> {
  await mkdir(model.cacheDirectory, { recursive: true, mode: 0o700 });
  const hash = createHash('sha256');
  const parts = [
    model.config,
    model.precision,
    maxLength,
    tokenizerDigests(tokenizer),
    await weightsDigest(model),
  ];
  hash.update(JSON.stringify(parts));
  for (const { name, scale, a, b } of adapter?.modules ?? []) {
    hash.update(JSON.stringify([name, scale, a.shape, b.shape]));
    for (const factor of [a, b]) hash.update(contiguousData(factor));
  }
  // What an adapter may have besides: known by its tensors' names.
  for (const [name, array] of Object.entries(adapter?.tensors ?? {})) {
    if (/\.lora_[AB]\.weight$/.test(name)) continue;
    hash.update(JSON.stringify([name, array.shape]));
    hash.update(contiguousData(array));
  }
  return hash.digest('hex').slice(0, 32);
}
