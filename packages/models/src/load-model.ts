import { type ConversionProgress, defaultCacheDirectory, type IntegerType } from '@safetune/tensor';
import type { CausalLm } from './causal-lm.ts';
import { modelPath } from './gguf/read/ollama.ts';
import { checkLoadOptions } from './load-options.ts';
import { linearPlaces } from './model-layout.ts';
import { checkPrecision, type Precision, usableWeights } from './precision/precision.ts';
import { checkPurpose, integersFor, type ModelPurpose } from './precision/purpose.ts';
import { openStoredModel } from './stored-model.ts';
import { tracedModel } from './traced-model.ts';

/** Options of {@link loadModel}. */
export interface LoadModelOptions {
  /** Default `float32`. */
  readonly precision?: Precision;
  /**
   * What `int8` weights are held for. A model does either, whichever it is; but generation takes unsigned ones as they lie, in
   * half the memory and started sooner, where most processors multiply signed ones faster in training. Default 'training'.
   */
  readonly purpose?: ModelPurpose;
  /**
   * Type that holds weights of 8 bits. Default: the one that this machine's processor multiplies exactly, found by a
   * probe, and that the purpose asks for. Compiling refuses one that is not exact.
   */
  readonly integers?: IntegerType;
  /** Where weights that are not stored as they are used are converted, once. Default `~/.cache/safetune`. */
  readonly cacheDirectory?: string;
  /** Hears while weights are converted; never when they are used as they are, or were converted before. */
  readonly onConversion?: (progress: ConversionProgress) => void;
}

/**
 * Opens a model folder in the Hugging Face layout, or a GGUF file. Reads and checks `config.json` (of a GGUF file, the
 * metadata) and the headers of the weights; no weight is read into memory. 16-bit and quantised weights are converted into a
 * cache file, when it is not there yet.
 *
 * @param model the folder, the file (called `.gguf`, or beginning as one), or `ollama:<name>[:<tag>]` for a model that Ollama
 * has fetched.
 *
 * @example
 * const model = await loadModel('Qwen2.5-0.5B-Instruct');
 * const { logits } = await (
 *   await compile(({ ids }) => ({ logits: model.head(model.forward(ids).output) }), { ids: tensorType('int64', ['batch', 'seq']) })
 * ).run({ ids: hostArray(BigInt64Array.of(9707n), [1, 1]) });
 *
 * Whether the output layer is the embedding is taken from the files, as transformers does: `tie_word_embeddings` beside an
 * `lm_head.weight` that differs from the embedding does not tie.
 *
 * @throws ModelFileError, UnsupportedModelError, UnsupportedFeatureError for config.json; CheckpointMismatchError when the
 * tensors are not those it describes; CheckpointError, SafetensorsError, GgufError, FileWriteError and (when
 * quantising) NonFiniteError for weights that are not finite and InexactIntegersError of the tensor package; PrecisionError
 * for an unknown precision; LoadOptionError for an option or purpose that there is not.
 */
export async function loadModel(model: string, options: LoadModelOptions = {}): Promise<CausalLm> {
  checkLoadOptions('loadModel', options, optionNames);
  const { precision = 'float32', purpose = 'training' } = options;
  const { cacheDirectory = defaultCacheDirectory(), onConversion } = options;
  checkPrecision(precision);
  checkPurpose(purpose);
  const integers = options.integers ?? (await integersFor(purpose, precision));
  const directory = await modelPath(model);
  const { config, layout, regions } = await openStoredModel(directory);
  const multiplied = new Set([...linearPlaces(layout).map(({ name }) => `${name}.weight`), layout.head.name]);
  const others = new Set(
    regions.map(({ name }) => name).filter((name) => !multiplied.has(name) || name === layout.embedding.name),
  );
  const weights = await usableWeights({ regions, multiplied, others }, precision, {
    integers,
    cacheDirectory,
    onConversion,
  });
  return tracedModel({ directory, cacheDirectory, config, precision, weights }, layout);
}

const optionNames = {
  precision: true,
  purpose: true,
  integers: true,
  cacheDirectory: true,
  onConversion: true,
} as const;
