import { tokenCount } from './batch-inputs.ts';
import { type BatchStreamOptions, trainingBatches } from './batches.ts';

/** Whether a run packs the examples of a batch, and what that was decided by. */
export interface PackingChoice {
  readonly packed: boolean;
  /** Share of padding in the batches that were looked at; undefined where nobody asked. */
  readonly padding: number | undefined;
}

/** From this share of padding on packing pays: it costs a hundredth of a step, and saves nearly what is padding. */
export const worthPacking = 0.03;

/** Batches that are looked at. */
const sampledBatches = 64;

/**
 * Decides by the first 64 batches of a run (of a set, of its first epoch at most): a pure function of the data and the options,
 * so that a continued run decides alike.
 */
export async function choosePacking(
  options: BatchStreamOptions,
  packing: 'auto' | boolean,
): Promise<PackingChoice> {
  if (packing !== 'auto') return { packed: packing, padding: undefined };
  const { epochs: _epochs, ...endless } = options;
  const isSet = typeof options.examples !== 'function';
  let [tokens, places, seen] = [0, 0, 0];
  for await (const batch of trainingBatches(isSet ? { ...endless, epochs: 1 } : endless)) {
    tokens += tokenCount(batch);
    places += batch.size * batch.length;
    seen += 1;
    if (seen === sampledBatches) break;
  }
  const padding = places === 0 ? 0 : 1 - tokens / places;
  return { packed: padding >= worthPacking, padding };
}
