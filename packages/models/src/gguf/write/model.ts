import { basename, resolve } from 'node:path';
import type { WeightSource } from '@safetune/tensor';
import { openStoredModel } from '../../stored-model.ts';
import { allValues, type ReplacedTensors, tensorValues } from '../../tensor-values.ts';
import { architectureOf, architectureSettings } from './architectures/architectures.ts';
import { type GgufMetadata, type GgufTensor, writeGguf } from './file.ts';
import { type GgufPlace, interleaveHeads, placeOf } from './places.ts';
import { type GgufTensorType, tensorTypeLayouts } from './tensor-bytes.ts';
import { ggufVocabulary } from './vocabulary.ts';

/** Options of {@link writeGgufModel}. */
export interface WriteGgufModelOptions {
  /**
   * Type of the matrices; vectors are always float32, and so are norms. A matrix whose rows are no multiple of 32 is
   * written as `f16` where `q8_0` was asked for, as llama.cpp's converter does. Default `f16`.
   */
  readonly type?: GgufTensorType;
  /** Tensors that take the place of stored ones, such as those of a merged adapter. Default none. */
  readonly replaced?: ReplacedTensors;
  /** The model's name in the file. Default the folder's. */
  readonly name?: string;
}

/** What was written, and what llama.cpp will do otherwise than Python with it. */
export interface WrittenGguf {
  readonly architecture: string;
  /** How many tensors are in the file. */
  readonly tensors: number;
  /** Sentences; empty when nothing is known to differ. */
  readonly differences: readonly string[];
}

/** llama.cpp's `enum llama_ftype`. */
const fileTypes: Readonly<Record<GgufTensorType, number>> = { f32: 0, f16: 1, q8_0: 7, bf16: 32 };

/**
 * Writes a model folder as one GGUF file, with its tokenizer and chat template, as llama.cpp's `convert_hf_to_gguf.py`
 * does. Holds a matrix in memory at a time. The file appears whole or not at all.
 *
 * @param file - path to write to; what is there is replaced.
 * @throws ExportError for a family, rotary scaling, tokenizer or value that the format cannot hold; what opening the
 * folder throws (see `loadModel`); FileWriteError.
 *
 * @example
 * await writeGgufModel('./merged', 'model.gguf', { type: 'q8_0' });
 */
export async function writeGgufModel(
  directory: string,
  file: string,
  options: WriteGgufModelOptions = {},
): Promise<WrittenGguf> {
  const { type = 'f16', replaced, name = basename(resolve(directory)) } = options;
  const { config, regions } = await openStoredModel(directory);
  const architecture = architectureOf(config, file);
  const settings = await architectureSettings(architecture, config, directory, file);
  const vocabulary = await ggufVocabulary(directory, config, file);
  const metadata: GgufMetadata = {
    'general.architecture': { type: 'string', value: architecture.name },
    'general.type': { type: 'string', value: 'model' },
    'general.name': { type: 'string', value: name },
    'general.file_type': { type: 'uint32', value: fileTypes[type] },
    'general.quantization_version': { type: 'uint32', value: 2 },
    ...settings.metadata,
    ...vocabulary.metadata,
  };
  const { ropeFactors: factors } = settings;
  const tensors = [
    ...(factors === undefined ? [] : [vector('rope_freqs.weight', factors)]),
    ...regions.map((region): GgufTensor => {
      const place = placeOf(region.name, architecture, config, file);
      return {
        name: place.name,
        shape: region.shape,
        type: tensorType(region, type),
        chunks: () => placedValues(region, place, replaced),
      };
    }),
  ];
  await writeGguf(file, metadata, tensors);
  return { architecture: architecture.name, tensors: tensors.length, differences: vocabulary.differences };
}

function vector(name: string, values: Float32Array): GgufTensor {
  return { name, shape: [values.length], type: 'f32', chunks: () => [values] };
}

/** The type a tensor of this shape has in a file of that type. */
export function tensorType({ shape }: Pick<WeightSource, 'shape'>, type: GgufTensorType): GgufTensorType {
  if (shape.length < 2) return 'f32';
  return shape.at(-1)! % tensorTypeLayouts[type].blockElements === 0 ? type : 'f16';
}

/** A tensor's values as they stand in its place. */
async function* placedValues(
  region: WeightSource,
  { heads, offset }: GgufPlace,
  replaced: ReplacedTensors | undefined,
): AsyncGenerator<Float32Array> {
  if (heads !== undefined) {
    yield interleaveHeads(await allValues(region, replaced), region.shape[0]!, heads);
    return;
  }
  for await (const values of tensorValues(region, replaced)) {
    yield offset === undefined ? values : values.map((value) => value + offset);
  }
}
