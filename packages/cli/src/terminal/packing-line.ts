import type { PackingChoice } from '@safetune/trainer';

/** Whether the examples of a batch are packed, and why, in a line. */
export function packingLine({ packed, padding }: PackingChoice): string {
  const why =
    padding === undefined ? 'as asked' : `${(100 * padding).toFixed(1)} % of the batches would be padding`;
  return `packing ${packed ? 'on' : 'off'}: ${why}`;
}
