import { z } from 'zod';
import { count } from './decoder-fields.ts';
import { slidingLayers, windowsByLayer } from './layer-types.ts';

/** The keys by which Qwen's configurations say which layers slide. */
export const qwenWindowFields = {
  use_sliding_window: z.boolean().default(false),
  sliding_window: count.nullable().default(4096),
  max_window_layers: z.number().int().nonnegative().default(28),
};

interface QwenWindowFields extends z.output<z.ZodObject<typeof qwenWindowFields>> {
  readonly num_hidden_layers: number;
  readonly layer_types?: readonly string[] | null | undefined;
}

/** Keys that a query sees in the layers that slide; null where none may. */
export function qwenWindow(fields: QwenWindowFields): number | null {
  return fields.use_sliding_window ? fields.sliding_window : null;
}

/** The window of each layer: with `use_sliding_window` what `layer_types` says, else layers from `max_window_layers` on. */
export function qwenWindows(fields: QwenWindowFields, file: string): (layer: number) => number | undefined {
  const window = qwenWindow(fields);
  const rule = (layer: number) => window !== null && layer >= fields.max_window_layers;
  return windowsByLayer(slidingLayers(fields, rule, file), window, file);
}
