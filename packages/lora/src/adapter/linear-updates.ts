import { UnsupportedLoraFeatureError } from '../errors.ts';
import type { LoraAdapter } from './adapter.ts';
import type { LoraModule } from './module.ts';
import { plainAdapter } from './plain.ts';

/**
 * The modules of an adapter that is nothing but updates of linear layers, scale B A: all that formats of other programs
 * hold. What started from a part of the weights comes as an update of twice the rank.
 *
 * @param advice - what to do with an adapter that changes more, for the message.
 * @throws UnsupportedLoraFeatureError for DoRA, embeddings, whole modules, biases and tokens.
 */
export function linearUpdates(adapter: LoraAdapter, advice: string): readonly LoraModule[] {
  const { config, embeddings, replaced, tokens } = adapter;
  const others: readonly (readonly [keyof typeof config, boolean])[] = [
    ['use_dora', config.use_dora],
    ['target_modules', embeddings.length > 0],
    ['bias', replaced.length > 0 && config.bias !== 'none'],
    ['modules_to_save', replaced.length > 0],
    ['trainable_token_indices', tokens.length > 0],
  ];
  const found = others.find(([, there]) => there);
  if (found !== undefined) throw new UnsupportedLoraFeatureError(found[0], config[found[0]], advice);
  return plainAdapter(adapter).modules;
}
