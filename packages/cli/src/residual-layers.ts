import { repeatedOption } from './option-values.ts';
import { UsageError } from './usage-error.ts';

/** `--layers`, of commands that read the residual stream. */
export const layersOptionDefinition = {
  type: 'string',
  repeatable: true,
  valueHint: 'L,...',
  description: 'layers to take: 0 is the embeddings, l the stream after block l (default: all blocks)',
} as const;

/** @throws UsageError for what is no layer number. */
export function layersOption(rawArgs: readonly string[]): readonly number[] | undefined {
  const texts = repeatedOption('layers', rawArgs);
  const wrong = texts.find((text) => !/^\d+$/.test(text));
  if (wrong !== undefined) throw new UsageError(`--layers '${wrong}' must be a number from 0`);
  return texts.length === 0 ? undefined : texts.map(Number);
}
