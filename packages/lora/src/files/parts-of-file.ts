import type { LinearLayer } from '../adapter/linear.ts';
import type { AdapterParts, EmbeddingTarget, ReplacedWeight, TokenRows } from '../adapter/parts.ts';
import {
  nameOfA,
  nameOfB,
  nameOfEmbeddingA,
  nameOfEmbeddingB,
  nameOfTokenRows,
} from '../adapter/tensor-names.ts';
import type { LoraConfig } from '../config/config.ts';
import { savedModuleTest } from '../config/saved-modules.ts';
import { targetModules } from '../config/target-modules.ts';
import { AdapterFileError } from '../errors.ts';
import { peftPrefix, type StoredTensors } from './stored-tensors.ts';

/**
 * The layers whose factors a file holds, in the natural order of their names; an embedding as a layer of `vocabulary`
 * inputs.
 *
 * @throws AdapterFileError when one of two factors is missing.
 */
export function layersOfFile(file: string, stored: StoredTensors): readonly LinearLayer[] {
  const factors: readonly (readonly [(module: string) => string, (module: string) => string])[] = [
    [nameOfA, nameOfB],
    [nameOfEmbeddingA, nameOfEmbeddingB],
  ];
  const layers = factors.flatMap(([ofA, ofB]) => {
    const [suffixA, suffixB] = [ofA(''), ofB('')];
    const modules = [...stored.keys()].flatMap((name) => {
      const suffix = [suffixA, suffixB].find((each) => name.endsWith(each));
      return suffix === undefined ? [] : [name.slice(0, -suffix.length)];
    });
    return [...new Set(modules)].map((name) => {
      const [a, b] = [stored.get(ofA(name)), stored.get(ofB(name))];
      if (a === undefined || b === undefined) {
        const missing = `${peftPrefix}${a === undefined ? ofA(name) : ofB(name)}`;
        throw new AdapterFileError('missing-tensor', file, [missing], 'missing tensors');
      }
      return { name, inFeatures: a.shape[1]!, outFeatures: b.shape[0]! };
    });
  });
  return layers.sort((one, other) => naturalOrder.compare(one.name, other.name));
}

const naturalOrder = new Intl.Collator('en', { numeric: true });

/**
 * What an adapter in a file changes, where the model is not known, or only its linear layers are.
 *
 * @param layers - the layers that there are.
 * @throws NoTargetModulesError, LoraConfigError
 */
export function partsOfFile(
  config: LoraConfig,
  stored: StoredTensors,
  layers: readonly LinearLayer[],
): AdapterParts {
  const targets = targetModules(config, layers);
  const isEmbedding = ({ name }: LinearLayer) => stored.has(nameOfEmbeddingA(name));
  const isTarget = ({ name }: LinearLayer) => targets.some((target) => target.name === name);
  // What is saved without being asked for is what was tied.
  const tied = config.ensure_weight_tying ? layers.find((layer) => !isTarget(layer))?.name : undefined;
  return {
    modules: targets.filter((target) => !isEmbedding(target)),
    embeddings: targets
      .filter(isEmbedding)
      .map((target): EmbeddingTarget => (tied === undefined ? target : { ...target, tied })),
    replaced: replacedInFile(config, stored),
    tokens: tokensInFile(config, stored),
  };
}

function replacedInFile(config: LoraConfig, stored: StoredTensors): readonly ReplacedWeight[] {
  const found = plainlyReplaced(config, stored);
  if (!config.ensure_weight_tying) return found;
  const known = new Set(found.map(({ tensor }) => tensor));
  const tied = [...stored.keys()].find((name) => !known.has(name) && name === 'lm_head.weight');
  return tied === undefined
    ? found
    : found.map((one) => (one.tensor.endsWith('embed_tokens.weight') ? { ...one, tied } : one));
}

function plainlyReplaced(config: LoraConfig, stored: StoredTensors): readonly ReplacedWeight[] {
  const isSaved = savedModuleTest(config);
  return [...stored].flatMap(([tensor, { shape }]) => {
    const [, module, kind] = /^(.+)\.(weight|bias)$/.exec(tensor) ?? [];
    if (module === undefined || /\.lora_[AB]$/.test(module)) return [];
    const own = module.replace(/\.base_layer$/, '');
    const wanted =
      module === own
        ? isSaved(module) || (kind === 'bias' && config.bias === 'all')
        : kind === 'bias' && config.bias !== 'none';
    return wanted ? [{ weight: `${own}.${kind}`, shape, tensor }] : [];
  });
}

function tokensInFile(config: LoraConfig, stored: StoredTensors): readonly TokenRows[] {
  const { trainable_token_indices: indices } = config;
  const suffix = nameOfTokenRows('');
  if (indices === null) return [];
  return [...stored].flatMap(([name, { shape }]) => {
    if (!name.endsWith(suffix)) return [];
    const module = name.slice(0, -suffix.length);
    const tokens = Array.isArray(indices)
      ? (indices as readonly number[])
      : Object.entries(indices as Readonly<Record<string, readonly number[]>>).find(([end]) =>
          module.endsWith(end),
        )?.[1];
    return tokens === undefined ? [] : [{ module, tokens, width: shape[1] ?? 0 }];
  });
}
