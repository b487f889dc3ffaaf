import type { LoadModelOptions, Precision } from '@safetune/models';

/** The option of every command that runs a model. */
export const precisionOption = {
  type: 'string',
  valueHint: 'NAME',
  description:
    'how weights are held: float32 (default), int8 (about half the time, less memory) or int8x3 (near-exact)',
} as const;

/** What was given, for `loadModel`, which refuses what it does not know. */
export function modelOptions(precision: string | undefined): LoadModelOptions {
  return precision === undefined ? {} : { precision: precision as Precision };
}
