import {
  type CausalLm,
  describePrecision,
  type LoadModelOptions,
  type ModelPurpose,
  measurePrecisions,
  type Precision,
} from '@safetune/models';
import { conversionLine } from './terminal/conversion-line.ts';
import { note } from './terminal/output.ts';

/** The option of every command that runs a model. */
export const precisionOption = {
  type: 'string',
  valueHint: 'NAME',
  description:
    'how weights are held: float32 (default, exact), int8 (rounded, a quarter of the memory, faster) or int8x3 (near-exact; ' +
    'faster on some processors only); what it costs on this machine is measured and told',
} as const;

/** What was given, for `loadModel`, which refuses what it does not know; a conversion of weights is drawn on stderr. */
export function modelOptions(
  precision: string | undefined,
  purpose: ModelPurpose = 'training',
): LoadModelOptions {
  return {
    purpose,
    onConversion: conversionLine(precision ?? 'float32'),
    ...(precision === undefined ? {} : { precision: precision as Precision }),
  };
}

/** Writes to stderr what a rounded precision costs and gives on this machine, which takes half a second to measure. */
export async function tellPrecision(
  { precision }: CausalLm,
  runtime: Parameters<typeof measurePrecisions>[0],
): Promise<void> {
  if (precision === 'float32') return;
  note(`${describePrecision(precision, await measurePrecisions(runtime))}\n`);
}
