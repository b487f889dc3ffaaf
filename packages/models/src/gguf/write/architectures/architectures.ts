import { join } from 'node:path';
import type { ModelConfig } from '../../../config.ts';
import { ExportError } from '../../../errors.ts';
import { readJson } from '../../../json-file.ts';
import type { GgufMetadata } from '../file.ts';
import type { GgufArchitecture, GgufSettings } from './architecture.ts';
import { gemma3 } from './gemma3.ts';
import { llama, mistral } from './llama.ts';
import { qwen2, qwen3 } from './qwen.ts';

/** The families that can be written. A new one is added here. */
const architectures: readonly GgufArchitecture[] = [gemma3, llama, mistral, qwen2, qwen3];

/** @throws ExportError for a family that is not among them. */
export function architectureOf({ modelType }: ModelConfig, target: string): GgufArchitecture {
  const found = architectures.find((each) => each.modelType === modelType);
  if (found !== undefined) return found;
  const known = architectures.map((each) => each.modelType).join(', ');
  throw new ExportError(
    target,
    `models of type '${modelType}' cannot be written as GGUF; those that can are ${known}`,
  );
}

/** All that llama.cpp reads of a model's hyperparameters. @throws ExportError for what it cannot run. */
export async function architectureSettings(
  { name, settings }: GgufArchitecture,
  config: ModelConfig,
  directory: string,
  target: string,
): Promise<GgufSettings> {
  const count = (value: number) => ({ type: 'uint32', value }) as const;
  const refuse = (reason: string) => {
    throw new ExportError(target, reason);
  };
  const content = await readJson(join(directory, 'config.json'));
  const { metadata, ropeFactors } = settings(config, refuse, content);
  const entries: GgufMetadata = {
    vocab_size: count(config.vocabularySize),
    context_length: count(config.maximumPositions),
    embedding_length: count(config.hiddenSize),
    block_count: count(config.layerCount),
    feed_forward_length: count(config.intermediateSize),
    'attention.head_count': count(config.headCount),
    'attention.head_count_kv': count(config.keyValueHeadCount),
    'attention.key_length': count(config.headSize),
    'attention.value_length': count(config.headSize),
    ...metadata,
  };
  const named = Object.entries(entries).map(([key, value]) => [`${name}.${key}`, value]);
  return { metadata: Object.fromEntries(named), ropeFactors };
}
