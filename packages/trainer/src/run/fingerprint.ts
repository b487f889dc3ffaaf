import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import type { ChatTokenizer } from '@safetune/datasets';
import type { LoraAdapter } from '@safetune/lora';
import type { CausalLm } from '@safetune/models';
import { learningRateSchedule } from '@safetune/optimizers';
import { withoutFolders } from '@safetune/regularizers';
import { contentHash, contiguousData } from '@safetune/tensor';
import type { FrozenParts } from '../step/frozen-parts.ts';
import { type OpenedReference, referenceOf } from '../step/references.ts';
import type { Fingerprint } from './differences.ts';
import type { TrainOptions } from './train-options.ts';

/** How each option is compared; a new one does not compile before it has been thought of. */
const comparisons = {
  model: 'by contents',
  trainable: 'by contents',
  regularizers: 'by contents',
  tokenizer: 'by contents',
  examples: 'by contents',
  evaluation: 'by contents',
  sentinel: 'by contents',
  steps: 'by contents',
  epochs: 'as it is',
  batchSize: 'as it is',
  bucketWindow: 'as it is',
  tokenize: 'as it is',
  gradientAccumulation: 'as it is',
  learningRate: 'as it is',
  optimizer: 'as it is',
  maxGradientNorm: 'as it is',
  neftuneNoiseAlpha: 'as it is',
  objective: 'as it is',
  seed: 'as it is',
  // How steps are run, and what is told and kept of them, decides no value but by rounding.
  packing: 'not',
  headPieces: 'not',
  attentionBlocks: 'not',
  runtime: 'not',
  memory: 'not',
  memoryLimit: 'not',
  step: 'not',
  checkpoint: 'not',
  onEvent: 'not',
  signal: 'not',
} as const satisfies Readonly<Record<keyof TrainOptions, 'as it is' | 'by contents' | 'not'>>;

/**
 * The fingerprint of a run. Reads the model's weights and what regularizers read, or remembers their digests where files
 * have not changed. A stream of examples of one's own has none: it must be the same again by itself.
 *
 * @throws SafetensorsError and FileWriteError of the tensor package, and what a regularizer's `contents` throws.
 */
export async function fingerprint(
  options: TrainOptions,
  steps: number,
  frozenParts: FrozenParts,
): Promise<Fingerprint> {
  const { model, trainable, tokenizer, examples, regularizers = [] } = options;
  const { cacheDirectory } = model;
  await mkdir(cacheDirectory, { recursive: true, mode: 0o700 });
  const facts: Record<string, string> = {
    steps: `${steps}`,
    'model configuration': digest(model.config),
    'model weights': await weightsDigest(model),
    precision: model.precision,
    ...prefixed('tokenizer: ', tokenizerDigests(tokenizer)),
    'trained tensors': digest(Object.entries(trainable.tensors).map(([name, { shape }]) => [name, shape])),
  };
  if (typeof examples !== 'function') facts.examples = digest(examples.map(withoutOrigin));
  if (trainable.adapter !== undefined) {
    // Where the base model lay is for readers of the file.
    const { base_model_name_or_path: _name, revision: _revision, ...config } = trainable.adapter.config;
    facts['adapter configuration'] = digest(config);
  }
  for (const [name, comparison] of Object.entries(comparisons)) {
    const value = options[name as keyof TrainOptions];
    if (comparison === 'as it is' && value !== undefined) facts[name] = JSON.stringify(value);
  }
  if (options.evaluation !== undefined) {
    const { examples: heldOut, ...settings } = options.evaluation;
    facts.evaluation = JSON.stringify(settings);
    facts['evaluation examples'] = digest(heldOut.map(withoutOrigin));
  }
  if (typeof options.learningRate?.schedule === 'function') {
    const rate = learningRateSchedule(options.learningRate, steps);
    facts['learning rates'] = digest(Array.from({ length: steps }, (_, step) => rate(step)));
  }
  facts.regularizers = JSON.stringify(regularizers.map(({ name }) => name));
  for (const regularizer of regularizers) {
    const { name, weight, config } = regularizer;
    facts[`regularizer ${name}: options`] = digest([withoutFolders(config), weight]);
    const read = (await regularizer.contents?.({ adapter: trainable.adapter, cacheDirectory })) ?? {};
    Object.assign(facts, prefixed(`regularizer ${name}: `, read));
    const frozen = frozenParts.adapters.get(name);
    if (frozen !== undefined)
      facts[`regularizer ${name}: frozen adapters`] = digest(frozen.map(adapterDigest));
    const reference = frozenParts.references.get(referenceOf(regularizer));
    if (reference !== undefined) facts[`regularizer ${name}: reference`] = await referenceDigest(reference);
  }
  if (options.sentinel !== undefined) {
    facts['sentinel: everySteps'] = `${options.sentinel.everySteps}`;
    for (const { name, facts: decisive, bounds } of options.sentinel.probes)
      facts[`sentinel: ${name}`] = digest([decisive, bounds]);
  }
  return facts;
}

/** Of what an adapter does: its modules' scales, and its values. */
function adapterDigest({ modules, trained }: LoraAdapter): string {
  const hash = createHash('sha256').update(JSON.stringify(modules.map(({ name, scale }) => [name, scale])));
  for (const [name, array] of Object.entries(trained))
    hash.update(JSON.stringify([name, array.shape])).update(contiguousData(array) as Float32Array);
  return hash.digest('hex');
}

function referenceDigest({ model, adapter }: OpenedReference): string | Promise<string> {
  return adapter === undefined ? weightsDigest(model) : adapterDigest(adapter);
}

/** SHA-256 of a model's weights as they are used. */
export function weightsDigest({ weights, cacheDirectory }: CausalLm): Promise<string> {
  return contentHash([...weights.values()], cacheDirectory);
}

/** A tokenizer that does not say what it is, is known by what it does to a conversation. */
export function tokenizerDigests(tokenizer: ChatTokenizer): Readonly<Record<string, string>> {
  if (tokenizer.identity !== undefined) return tokenizer.identity;
  const text = tokenizer.renderChat([
    { role: 'user', content: 'Which tokenizer is this?' },
    { role: 'assistant', content: 'One of many: 1234, ä.' },
  ]);
  return { behaviour: digest([text, tokenizer.encode(text)]) };
}

function prefixed(
  prefix: string,
  digests: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(digests).map(([name, value]) => [`${prefix}${name}`, value]));
}

function withoutOrigin<Example extends object>(example: Example): object {
  const { origin: _, ...rest } = example as Example & { origin?: unknown };
  return rest;
}

function digest(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}
