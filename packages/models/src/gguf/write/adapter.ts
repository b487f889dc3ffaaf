import { basename, resolve } from 'node:path';
import { contiguousData, type HostArray } from '@safetune/tensor';
import { ExportError } from '../../errors.ts';
import type { LinearLayer } from '../../linear.ts';
import { linearPlaces } from '../../model-layout.ts';
import { openStoredModel } from '../../stored-model.ts';
import { architectureOf } from './architectures/architectures.ts';
import { type GgufMetadata, type GgufTensor, writeGguf } from './file.ts';
import { tensorType, type WrittenGguf } from './model.ts';
import { interleaveHeads, placeOf } from './places.ts';
import type { GgufTensorType } from './tensor-bytes.ts';

/** A low-rank update of a linear layer: its weight W [out, in] acts as W + scale B A. */
export interface LowRankModule extends LinearLayer {
  readonly rank: number;
  readonly scale: number;
  /** float32 [rank, in] */
  readonly a: HostArray;
  /** float32 [out, rank] */
  readonly b: HostArray;
}

/** Options of {@link writeGgufAdapter}. */
export interface WriteGgufAdapterOptions {
  /** Type of the factors. One whose rows are no multiple of 32 is `f16` where `q8_0` was asked for. Default `f32`. */
  readonly type?: GgufTensorType;
  /** The adapter's name in the file. Default the file's. */
  readonly name?: string;
}

/**
 * Writes a LoRA adapter as llama.cpp's `convert_lora_to_gguf.py` does, for `llama-cli --lora` and Ollama's `ADAPTER`.
 *
 * llama.cpp scales every module by one alpha over its rank. That alpha is taken from the modules where they agree (for
 * rsLoRA it is alpha sqrt(rank)); where they do not, the difference is multiplied into B.
 *
 * @param directory - folder of the model that the adapter is of; its configuration alone decides names and orders.
 * @throws ExportError for a family that cannot be written, and for a module that the model does not have; what opening the
 * folder throws; FileWriteError.
 */
export async function writeGgufAdapter(
  directory: string,
  modules: readonly LowRankModule[],
  file: string,
  { type = 'f32', name = basename(resolve(file), '.gguf') }: WriteGgufAdapterOptions = {},
): Promise<WrittenGguf> {
  const { config, layout } = await openStoredModel(directory);
  const architecture = architectureOf(config, file);
  requireLayers(modules, linearPlaces(layout), file);
  // To llama.cpp an alpha of 0 means that there is none.
  const alpha = modules.map(({ scale, rank }) => scale * rank).find((value) => value !== 0) ?? 1;
  const metadata: GgufMetadata = {
    'general.architecture': { type: 'string', value: architecture.name },
    'general.type': { type: 'string', value: 'adapter' },
    'adapter.type': { type: 'string', value: 'lora' },
    'general.name': { type: 'string', value: name },
    'adapter.lora.alpha': { type: 'float32', value: alpha },
    'general.quantization_version': { type: 'uint32', value: 2 },
  };
  const tensors = modules.flatMap((module): GgufTensor[] => {
    const place = placeOf(`${module.name}.weight`, architecture, config, file);
    const { rank, inFeatures, outFeatures } = module;
    const factor = (module.scale * rank) / alpha;
    const factors = [
      { end: 'lora_a', shape: [rank, inFeatures], values: () => contiguousData(module.a) as Float32Array },
      { end: 'lora_b', shape: [outFeatures, rank], values: () => scaledB(module, factor, place.heads) },
    ];
    return factors.map(({ end, shape, values }) => ({
      name: `${place.name}.${end}`,
      shape,
      type: tensorType({ shape }, type),
      chunks: () => [values()],
    }));
  });
  await writeGguf(file, metadata, tensors);
  return { architecture: architecture.name, tensors: tensors.length, differences: [] };
}

function requireLayers(
  modules: readonly LowRankModule[],
  layers: readonly LinearLayer[],
  file: string,
): void {
  if (modules.length === 0) throw new ExportError(file, 'the adapter changes no linear layer');
  for (const { name, inFeatures, outFeatures } of modules) {
    const layer = layers.find((each) => each.name === name);
    if (layer?.inFeatures === inFeatures && layer.outFeatures === outFeatures) continue;
    throw new ExportError(
      file,
      `the adapter changes a layer '${name}' of ${inFeatures} inputs and ${outFeatures} outputs, which the model does not ` +
        'have; is the adapter of another model?',
    );
  }
}

function scaledB({ b, outFeatures }: LowRankModule, factor: number, heads: number | undefined): Float32Array {
  const values = contiguousData(b) as Float32Array;
  // Only what differs from the one alpha is rounded again.
  const scaled = Math.abs(factor - 1) < 1e-12 ? values : values.map((value) => value * factor);
  return heads === undefined ? scaled : interleaveHeads(scaled, outFeatures, heads);
}
