import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  contiguousData,
  FileReadError,
  FileWriteError,
  folderMistake,
  type HostArray,
  hostArray,
  openSafetensors,
  readSmallJson,
  readTensor,
  SafetensorsError,
  stageFile,
  type TensorRegion,
  type WritableTensor,
  writeSafetensors,
} from '@safetune/tensor';
import { adapterOver, type LoraAdapter } from '../adapter/adapter.ts';
import type { LinearLayer } from '../adapter/linear.ts';
import { type AdaptableModel, readWeight } from '../adapter/model.ts';
import { type AdapterParts, adaptableLayers, partsOfModel } from '../adapter/parts.ts';
import { plainAdapter } from '../adapter/plain.ts';
import { nameOfA, nameOfB } from '../adapter/tensor-names.ts';
import { type LoraConfig, parsePeftConfig } from '../config/config.ts';
import { AdapterFileError, type AdapterFileProblem } from '../errors.ts';
import { isBaseWeight, requireTensorsOf } from './fit-to-model.ts';
import { layersOfFile, partsOfFile } from './parts-of-file.ts';
import { peftPrefix, type StoredTensors, storedTensors } from './stored-tensors.ts';

/** Name of PEFT's configuration file in an adapter's folder. */
export const adapterConfigFile = 'adapter_config.json';
/** Name of PEFT's weights file in an adapter's folder. */
export const adapterWeightsFile = 'adapter_model.safetensors';

/** Options of {@link saveLoraAdapter}. */
export interface SaveLoraAdapterOptions {
  /** Type of the stored factors; the 16-bit ones round. Default 'float32'. */
  readonly dtype?: 'float32' | 'float16' | 'bfloat16';
}

/**
 * Writes an adapter as PEFT does: `adapter_model.safetensors` and `adapter_config.json`, loaded by
 * `PeftModel.from_pretrained`. Makes the folder; replaces an adapter that is there. Everything is on the disk before
 * the first of the two files is replaced, the weights first and the configuration last. What started from a part of the
 * model's weights (PiSSA, OLoRA) is written as an update of twice the rank, for the model as it is.
 *
 * @throws FileWriteError when the folder cannot be written; SafetensorsWriteError when a value is too large for float16.
 */
export async function saveLoraAdapter(
  directory: string,
  adapter: LoraAdapter,
  { dtype = 'float32' }: SaveLoraAdapterOptions = {},
): Promise<void> {
  await mkdir(directory, { recursive: true }).catch((cause: unknown) => {
    throw new FileWriteError(directory, cause);
  });
  const plain = plainAdapter(adapter);
  const tensors = Object.entries({ ...plain.trained, ...tiedTensors(plain) }).map(
    ([name, array]): [string, WritableTensor] => [
      `${peftPrefix}${name}`,
      dtype === 'float32' ? array : { dtype, array },
    ],
  );
  const text = `${JSON.stringify(peftConfig(plain.config), null, 2)}\n`;
  const config = await stageFile(join(directory, adapterConfigFile), text);
  try {
    await writeSafetensors(join(directory, adapterWeightsFile), Object.fromEntries(tensors), {
      metadata: { format: 'pt' },
    });
    await config.commit();
  } finally {
    await config.discard();
  }
}

/** The output layer's tensors where it is tied to the embedding: PEFT expects them too. */
function tiedTensors({ embeddings, replaced }: LoraAdapter): Record<string, HostArray> {
  return Object.fromEntries([
    ...embeddings.flatMap(({ tied, a, b }) =>
      tied === undefined
        ? []
        : [
            [nameOfA(tied), packed(b.transpose(1, 0))],
            [nameOfB(tied), packed(a.transpose(1, 0))],
          ],
    ),
    ...replaced.flatMap(({ tied, values }) => (tied === undefined ? [] : [[tied, values]])),
  ] as [string, HostArray][]);
}

function packed(array: HostArray): HostArray {
  return hostArray(contiguousData(array), [...array.shape]);
}

/** Options of {@link loadLoraAdapter}. */
export interface LoadLoraAdapterOptions {
  /** The model, such as a `CausalLm`, which the adapter must fit. */
  readonly model?: AdaptableModel;
  /**
   * The model's linear layers, where that is all there is to know of it. Without them and a model the layers are taken from
   * the files alone, in the order of their names: enough to inspect or convert an adapter.
   */
  readonly layers?: readonly LinearLayer[];
}

/**
 * Reads an adapter that this package, PEFT, or a trainer on PEFT wrote. F16 and BF16 tensors are widened to float32.
 * Tensor names that still carry the adapter's name (`lora_A.default.weight`) are read as well.
 *
 * @throws AdapterFileError when a file is missing, or when a tensor is missing, unexpected, of a module the model does
 * not have, of the wrong shape or type, or not finite, or the model's own weight that came along is another;
 * UnsupportedLoraFeatureError, LoraConfigError for the configuration; NoTargetModulesError when it fits no layer of the
 * model; SafetensorsError for a damaged file.
 */
export async function loadLoraAdapter(
  directory: string,
  { model, layers }: LoadLoraAdapterOptions = {},
): Promise<LoraAdapter> {
  const config = await readConfig(directory);
  const file = join(directory, adapterWeightsFile);
  const stored = storedTensors(file, await openWeights(directory, file));
  const parts = fittingParts(file, config, stored, model, layers);
  if (model !== undefined) await requireSameBase(file, stored, model);
  const adapter = adapterOver(config, parts);
  for (const [name, array] of Object.entries(adapter.trained)) {
    await fill(file, stored.get(name)!, array.data as Float32Array);
  }
  return adapter;
}

function fittingParts(
  file: string,
  config: LoraConfig,
  stored: StoredTensors,
  model: AdaptableModel | undefined,
  layers: readonly LinearLayer[] | undefined,
): AdapterParts {
  const known =
    model === undefined ? (layers ?? layersOfFile(file, stored)) : adaptableLayers(undefined, model);
  const parts = model === undefined ? partsOfFile(config, stored, known) : partsOfModel(config, model);
  requireTensorsOf(file, config, parts, stored, known);
  return parts;
}

/** PEFT saves the weights of adapted embeddings along, and would put them in the place of the model's. */
async function requireSameBase(file: string, stored: StoredTensors, model: AdaptableModel): Promise<void> {
  for (const [name, region] of stored) {
    const weight = name.replace('.base_layer', '');
    // What is held in 8 bits is rounded anyway.
    if (!isBaseWeight(name) || model.weights.has(`${weight}.values`)) continue;
    const [own, saved] = [await readWeight(model, weight), await readTensor(region)];
    const [mine, theirs] = [contiguousData(own), contiguousData(saved)] as [Float32Array, Float32Array];
    const rounding = region.dtype === 'float32' ? 0 : 2 ** -8;
    const agrees = (value: number, index: number) =>
      Math.abs(value - theirs[index]!) <= rounding * Math.abs(value);
    if (mine.length === theirs.length && mine.every(agrees)) continue;
    throw new AdapterFileError(
      'unexpected-tensor',
      file,
      [region.name],
      "a weight of the model came along that is another than the model's (were tokens added to it?)",
    );
  }
}

async function fill(file: string, region: TensorRegion, target: Float32Array): Promise<void> {
  target.set((await readTensor(region)).data as Float32Array);
  if (!target.every(Number.isFinite)) {
    throw new AdapterFileError(
      'not-finite',
      file,
      [region.name],
      'NaN or infinite values; the training run diverged',
    );
  }
}

async function readConfig(directory: string): Promise<LoraConfig> {
  const file = join(directory, adapterConfigFile);
  try {
    return parsePeftConfig(await readSmallJson(file), file);
  } catch (cause) {
    if (!FileReadError.isInstance(cause)) throw cause;
    if (cause.problem !== 'missing') {
      throw new AdapterFileError(problemOf(cause), file, [], cause.reason, { cause });
    }
    const mistake = await folderMistake(directory, 'adapter');
    const message = mistake === undefined ? 'cannot be read' : `is not there: ${directory} ${mistake}`;
    throw new AdapterFileError('missing', file, [], message, { cause });
  }
}

function problemOf({ problem }: FileReadError): AdapterFileProblem {
  return problem === 'outside' || problem === 'not-a-file' || problem === 'unreadable' ? 'refused' : 'json';
}

async function openWeights(directory: string, file: string) {
  try {
    return await openSafetensors(file, { folder: directory });
  } catch (cause) {
    if (!SafetensorsError.isInstance(cause) || cause.problem !== 'missing') throw cause;
    const pickled = await stat(join(directory, 'adapter_model.bin')).then(
      () => true,
      () => false,
    );
    const message = pickled
      ? 'is not there; convert adapter_model.bin to safetensors with PEFT first'
      : 'is not there, or cannot be opened';
    throw new AdapterFileError('missing', file, [], message, { cause });
  }
}

/** Fields that versions of PEFT before them refuse in a file: written only where they say something. */
const late: Readonly<Record<string, (config: LoraConfig) => boolean>> = {
  exclude_modules: ({ exclude_modules }) => exclude_modules !== null,
  trainable_token_indices: ({ trainable_token_indices }) => trainable_token_indices !== null,
  ensure_weight_tying: ({ ensure_weight_tying }) => ensure_weight_tying,
};

/** The configuration with what every version of PEFT expects to find beside our fields, and what the file had before. */
function peftConfig(config: LoraConfig): Readonly<Record<string, unknown>> {
  const { other_fields, ...own } = config;
  const entries = {
    auto_mapping: null,
    fan_in_fan_out: false,
    ...other_fields,
    ...own,
    inference_mode: true,
    peft_type: 'LORA',
  };
  return Object.fromEntries(
    Object.entries(entries)
      .filter(([field]) => late[field]?.(config) ?? true)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}
