import type { LoraConfig } from '../config/config.ts';
import { savedModuleTest } from '../config/saved-modules.ts';
import { type TargetModule, targetModules } from '../config/target-modules.ts';
import { LoraConfigError } from '../errors.ts';
import type { LinearLayer } from './linear.ts';
import { type AdaptableModel, allLinearLayers, isTied, weightNames, weightShape } from './model.ts';

/** A tensor of the model that is trained whole: of a module to save, or a bias. */
export interface ReplacedWeight {
  /** Its name in the model, such as `lm_head.weight`. */
  readonly weight: string;
  readonly shape: readonly number[];
  /** Its name among the adapter's tensors, and (after PEFT's prefix) in a file. */
  readonly tensor: string;
  /** Also stands in for the output layer's weight: a tied one that is to stay so. */
  readonly tied?: string;
}

/** Rows of the embedding, or of the output layer, that are trained. */
export interface TokenRows {
  /** The layer, such as `model.embed_tokens`. */
  readonly module: string;
  readonly tokens: readonly number[];
  /** Values of a row. */
  readonly width: number;
  /** Name of the output layer where it is the embedding, and has these rows too. */
  readonly tied?: string;
}

/** An adapted embedding: in PEFT's terms a layer of `vocabulary` inputs and `hidden` outputs. */
export interface EmbeddingTarget extends TargetModule {
  /** Name of the output layer where it is to stay equal to the embedding. */
  readonly tied?: string;
}

/** What of a model an adapter changes. */
export interface AdapterParts {
  /** Linear layers, the output layer last. */
  readonly modules: readonly TargetModule[];
  readonly embeddings: readonly EmbeddingTarget[];
  readonly replaced: readonly ReplacedWeight[];
  readonly tokens: readonly TokenRows[];
}

/** Parts of an adapter of linear layers alone. */
export function linearParts(modules: readonly TargetModule[]): AdapterParts {
  return { modules, embeddings: [], replaced: [], tokens: [] };
}

/**
 * What a configuration adapts of a model, by PEFT's rules; 'all-linear' leaves the output layer out.
 *
 * @throws NoTargetModulesError, LoraConfigError
 */
export function partsOfModel(config: LoraConfig, model: AdaptableModel): AdapterParts {
  const targets = targetModules(config, adaptableLayers(config.target_modules, model));
  const { embeddingLayer, outputLayer } = model;
  const tied = config.ensure_weight_tying && isTied(model) ? outputLayer.name : undefined;
  const isEmbedding = ({ name }: LinearLayer) => name === embeddingLayer.name;
  const isTiedOutput = ({ name }: LinearLayer) => name === tied;
  const asked = targets.filter((target) => isEmbedding(target) || isTiedOutput(target));
  const modules = targets.filter((target) => !isEmbedding(target) && !isTiedOutput(target));
  return {
    modules,
    embeddings: embeddingTargets(asked, model, tied),
    replaced: [...savedWeights(config, model, tied), ...biases(config, model, modules)],
    tokens: tokenRows(config, model),
  };
}

/** Layers that a configuration may name. */
export function adaptableLayers(
  target_modules: LoraConfig['target_modules'] | undefined,
  model: AdaptableModel,
): readonly LinearLayer[] {
  if (typeof target_modules === 'string' && target_modules.toLowerCase() === 'all-linear')
    return model.linearLayers;
  const { name, vocabularySize, hiddenSize } = model.embeddingLayer;
  return [...allLinearLayers(model), { name, inFeatures: vocabularySize, outFeatures: hiddenSize }];
}

/** A tied output layer that is adapted is so through the embedding (PEFT's `_add_targets_to_tie`). */
function embeddingTargets(
  asked: readonly TargetModule[],
  { embeddingLayer }: AdaptableModel,
  tied: string | undefined,
): readonly EmbeddingTarget[] {
  const [found] = asked;
  if (found === undefined) return [];
  const { name, vocabularySize, hiddenSize } = embeddingLayer;
  const { rank, scale } = asked.find((target) => target.name === name) ?? found;
  const target = { name, inFeatures: vocabularySize, outFeatures: hiddenSize, rank, scale };
  return [tied === undefined ? target : { ...target, tied }];
}

function savedWeights(
  config: LoraConfig,
  model: AdaptableModel,
  tied: string | undefined,
): readonly ReplacedWeight[] {
  if (config.modules_to_save === null) return [];
  const isSaved = savedModuleTest(config);
  const embedding = `${model.embeddingLayer.name}.weight`;
  const output = `${model.outputLayer.name}.weight`;
  const saved = [...new Set([...weightNames(model), output])].filter((name) => isSaved(moduleOf(name)));
  const unmatched = config.modules_to_save.find(
    (end) => !saved.some((name) => savedModuleTest({ ...config, modules_to_save: [end] })(moduleOf(name))),
  );
  if (unmatched !== undefined) {
    throw new LoraConfigError('modules_to_save', `'${unmatched}' is the end of no module's name`);
  }
  const isShared = (name: string) => name === embedding || name === output;
  const plain = tied === undefined ? saved : saved.filter((name) => !isShared(name));
  const whole = (weight: string): ReplacedWeight => ({
    weight,
    shape: weightShape(model, weight),
    tensor: weight,
  });
  const shared = tied !== undefined && saved.some(isShared);
  return [...plain.map(whole), ...(shared ? [{ ...whole(embedding), tied: output }] : [])];
}

function biases(
  config: LoraConfig,
  model: AdaptableModel,
  modules: readonly TargetModule[],
): readonly ReplacedWeight[] {
  const { bias } = config;
  if (bias === 'none') return [];
  const adapted = new Set(modules.map(({ name }) => name));
  const isSaved = savedModuleTest(config);
  return [...weightNames(model)]
    .filter((name) => name.endsWith('.bias'))
    .filter((name) => !isSaved(moduleOf(name)) && (bias === 'all' || adapted.has(moduleOf(name))))
    .map((weight) => ({
      weight,
      shape: weightShape(model, weight),
      // PEFT moves what it adapts one level down.
      tensor: adapted.has(moduleOf(weight)) ? `${moduleOf(weight)}.base_layer.bias` : weight,
    }));
}

/** `a.b` of `a.b.weight`. */
function moduleOf(weight: string): string {
  return weight.replace(/\.[^.]+$/, '');
}

function tokenRows(config: LoraConfig, model: AdaptableModel): readonly TokenRows[] {
  const { trainable_token_indices: indices, ensure_weight_tying } = config;
  if (indices === null) return [];
  const { embeddingLayer, outputLayer } = model;
  const byName = Array.isArray(indices) ? { [embeddingLayer.name]: indices } : indices;
  const layers = [embeddingLayer.name, outputLayer.name];
  const found = new Map<string, readonly number[]>();
  for (const [end, tokens] of Object.entries(byName) as [string, readonly number[]][]) {
    const named = layers.filter((name) => name.endsWith(end));
    if (named.length === 0) refuse(`'${end}' is the end of neither ${layers.join(' nor ')}`);
    for (const name of named) found.set(name, tokens);
  }
  const largest = Math.max(...[...found.values()].flat());
  if (largest >= embeddingLayer.vocabularySize)
    refuse(`has the token ${largest}, the model has ${embeddingLayer.vocabularySize} tokens`);
  const isSaved = savedModuleTest(config);
  const both = [...found.keys()].find((name) => isSaved(name));
  if (both !== undefined) refuse(`names '${both}', which modules_to_save trains whole`);
  // PEFT: rows of a tied embedding are the output layer's too, unless that has others of its own.
  const [ofEmbedding, ofOutput] = layers.map((name) => found.get(name));
  const differ = ofEmbedding !== undefined && ofOutput !== undefined && `${ofEmbedding}` !== `${ofOutput}`;
  const tying = isTied(model) && ofEmbedding !== undefined && !differ;
  if (isTied(model) && differ && ensure_weight_tying)
    refuse('has other tokens for the output layer than for the embedding, which ensure_weight_tying forbids');
  const width = embeddingLayer.hiddenSize;
  return [...found]
    .filter(([module]) => !(tying && module === outputLayer.name))
    .map(([module, tokens]) => ({ module, tokens, width, ...(tying ? { tied: outputLayer.name } : {}) }));
}

function refuse(reason: string): never {
  throw new LoraConfigError('trainable_token_indices', reason);
}
