import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import {
  FileWriteError,
  isEncoded,
  readSmallFile,
  readSmallJson,
  type TensorRegion,
  type WeightSource,
  writeFileAtomically,
  writeOnnx,
} from '@safetune/tensor';
import { ExportError } from '../errors.ts';
import { openStoredModel } from '../stored-model.ts';
import { type ReplacedTensors, tensorValues } from '../tensor-values.ts';
import { tracedModel } from '../traced-model.ts';
import { onnxSignature, traceOnnxStep } from './step.ts';

/** Options of {@link writeOnnxModel}. */
export interface WriteOnnxModelOptions {
  /** Tensors that take the place of stored ones, such as those of a merged adapter. Default none. */
  readonly replaced?: ReplacedTensors;
  /** Most bytes of weights that go into model.onnx itself; above, they go into model.onnx_data. Default 1.9e9. */
  readonly maximumInlineBytes?: number;
}

/**
 * Writes a model folder for ONNX Runtime and transformers.js: `onnx/model.onnx` in float32, and the configuration and
 * tokenizer beside that folder.
 *
 * The graph takes and gives what Optimum's exports do, so that whoever runs those runs it: `input_ids` and `position_ids`
 * int64 [batch, sequence], `attention_mask` int64 [batch, past + sequence] (0 hides a token), and for each layer
 * `past_key_values.<layer>.key` and `.value` float32 [batch, key-value heads, past, head size]; `logits` float32 [batch,
 * sequence, vocabulary] and `present.<layer>.key` and `.value`, the longer cache.
 *
 * @param target - folder to write into; it is made. Of what is there, files of the same names are replaced.
 * @returns the files of the model, the others not counted.
 * @throws ExportError for rotary positions that change with the length of a sequence; what opening the folder throws (see `loadModel`), SafetensorsError, FileWriteError.
 *
 * @example
 * await writeOnnxModel('./merged', './web-model');
 */
export async function writeOnnxModel(
  directory: string,
  target: string,
  options: WriteOnnxModelOptions = {},
): Promise<readonly string[]> {
  const { replaced, ...rest } = options;
  const { config, layout, regions } = await openStoredModel(directory);
  if (config.rotaryChange !== undefined) {
    throw new ExportError(
      target,
      'its rotary positions change with the length of a sequence, which one graph cannot',
    );
  }
  const stored = new Map(regions.map((region) => [region.name, region]));
  const weights = new Map(regions.map((region) => [region.name, asFloat32(region)]));
  const model = tracedModel({ directory, cacheDirectory: '', config, precision: 'float32', weights }, layout);
  const file = join(target, 'onnx', 'model.onnx');
  await mkdir(dirname(file), { recursive: true }).catch((cause: unknown) => {
    throw new FileWriteError(target, cause);
  });
  const files = await writeOnnx(file, (inputs) => traceOnnxStep(model, inputs), onnxSignature(config), {
    bytesOf: (region) => float32Bytes(stored.get(region.name)!, replaced),
    ...rest,
  });
  await copyCompanions(directory, target, files.length > 1);
  return files;
}

/** The region as if it were stored in the type that the graph computes in. */
function asFloat32(source: WeightSource): TensorRegion {
  const { name, shape } = source;
  const { file, offset } = isEncoded(source) ? source.stored : source;
  const elements = shape.reduce((product, extent) => product * extent, 1);
  return { name, shape, file, offset, dtype: 'float32', byteLength: elements * 4 };
}

async function* float32Bytes(
  region: WeightSource,
  replaced: ReplacedTensors | undefined,
): AsyncGenerator<Uint8Array> {
  for await (const { buffer, byteOffset, byteLength } of tensorValues(region, replaced)) {
    yield new Uint8Array(buffer, byteOffset, byteLength);
  }
}

/** What users of the model read beside its weights. */
const companions = /^(?!adapter_|.*\.index\.json$).*\.(json|jinja)$|^(LICENSE|LICENCE|NOTICE)\b/i;
/** A tokenizer of 260,000 tokens takes 35 MB. */
const maximumCompanionBytes = 128e6;

async function copyCompanions(source: string, target: string, hasDataFile: boolean): Promise<void> {
  for (const entry of await readdir(source)) {
    if (!companions.test(entry)) continue;
    // Through the door for strangers' files: a link to a secret would be copied with all it holds.
    const content = await readSmallFile(join(source, entry), { maximumBytes: maximumCompanionBytes });
    const file = join(target, basename(entry));
    await writeFile(file, content).catch((cause: unknown) => {
      throw new FileWriteError(file, cause);
    });
  }
  const file = join(target, 'config.json');
  const config = (await readSmallJson(file)) as Record<string, unknown>;
  // Readers of the type that a configuration names would look for 16-bit weights.
  const { torch_dtype: _former, ...kept } = config;
  const settings = hasDataFile ? { 'transformers.js_config': { use_external_data_format: true } } : {};
  await writeFileAtomically(file, `${JSON.stringify({ ...kept, dtype: 'float32', ...settings }, null, 2)}\n`);
}
