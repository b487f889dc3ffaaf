import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  FileReadError,
  FileWriteError,
  folderMistake,
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
import { type LoraConfig, parsePeftConfig } from '../config/config.ts';
import { AdapterFileError, type AdapterFileProblem } from '../errors.ts';
import { factorRegions, fitToModel, modulesOfFile } from './peft-tensors.ts';

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
 * the first of the two files is replaced, the weights first and the configuration last.
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
  const tensors = Object.entries(adapter.tensors).map(([name, array]): [string, WritableTensor] => [
    `base_model.model.${name}`,
    dtype === 'float32' ? array : { dtype, array },
  ]);
  const text = `${JSON.stringify(peftConfig(adapter.config), null, 2)}\n`;
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

/** Options of {@link loadLoraAdapter}. */
export interface LoadLoraAdapterOptions {
  /**
   * The model's linear layers, which the adapter must fit. Without them the layers are taken from the files alone,
   * in the order of their names: enough to inspect, merge or convert an adapter.
   */
  readonly layers?: readonly LinearLayer[];
}

/**
 * Reads an adapter that this package or PEFT wrote. F16 and BF16 factors are widened to float32. Tensor names that
 * still carry the adapter's name (`lora_A.default.weight`) are read as well.
 *
 * @throws AdapterFileError when a file is missing, or when a tensor is missing, unexpected, of a module the model does
 * not have, of the wrong shape or type, or not finite; UnsupportedLoraFeatureError, LoraConfigError for the
 * configuration; NoTargetModulesError when it fits no layer of the model; SafetensorsError for a damaged file.
 */
export async function loadLoraAdapter(
  directory: string,
  { layers }: LoadLoraAdapterOptions = {},
): Promise<LoraAdapter> {
  const config = await readConfig(directory);
  const file = join(directory, adapterWeightsFile);
  const regions = factorRegions(file, await openWeights(directory, file));
  const targets =
    layers === undefined ? modulesOfFile(file, config, regions) : fitToModel(file, config, regions, layers);
  const adapter = adapterOver(config, targets);
  for (const { name, a, b } of adapter.modules) {
    const stored = regions.get(name)!;
    await fill(file, stored.a!, a.data as Float32Array);
    await fill(file, stored.b!, b.data as Float32Array);
  }
  return adapter;
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

/** The configuration with what every version of PEFT expects to find beside our fields. */
function peftConfig({ exclude_modules, ...config }: LoraConfig): Readonly<Record<string, unknown>> {
  const entries = {
    ...config,
    // Added late: versions of PEFT that do not know it refuse the file.
    ...(exclude_modules === null ? {} : { exclude_modules }),
    auto_mapping: null,
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: true,
    modules_to_save: null,
    peft_type: 'LORA',
    use_dora: false,
  };
  return Object.fromEntries(Object.entries(entries).sort(([a], [b]) => (a < b ? -1 : 1)));
}
