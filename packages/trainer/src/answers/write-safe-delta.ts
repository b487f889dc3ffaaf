import type { ChatExample } from '@safetune/datasets';
import { type ChangeOptions, type LoraAdapter, mergedTensors, writeChangedCheckpoint } from '@safetune/lora';
import {
  checkSafeDelta,
  type LayerMoments,
  SafeDeltaError,
  type SafeDeltaOptions,
  safeDelta,
} from '@safetune/regularizers';
import { type Checkpoint, findTensor, type HostArray, openCheckpoint, readTensor } from '@safetune/tensor';
import { TrainOptionError } from '../errors.ts';
import type { ForwardBatchOptions } from './forward-batches.ts';
import { layerMoments } from './layer-moments.ts';

/** Options of {@link writeSafeDelta}. */
export interface WriteSafeDeltaOptions
  extends Omit<ForwardBatchOptions, 'adapter'>,
    SafeDeltaOptions,
    ChangeOptions {
  /** Harmful prompts with refusals, on which outputs are to stay as they were. */
  readonly examples: readonly ChatExample[];
  /** What was fine-tuned: an adapter of the model, or the folder of a checkpoint of the same architecture. */
  readonly tuned: LoraAdapter | string;
  /** Folder to make; must not exist, or be empty, unless it is to be replaced. */
  readonly out: string;
  /** Hears of each layer as it is written. */
  readonly onModule?: (module: ModuleDelta, done: number, total: number) => void;
}

/** One layer of {@link writeSafeDelta}. */
export interface ModuleDelta {
  readonly name: string;
  /** Share of its fine-tuned values that were taken, 0 to 1. */
  readonly taken: number;
}

/**
 * Safe Delta (Lu et al., ICML 2025, arXiv 2505.12038) after fine-tuning: writes a checkpoint whose linear layers take those
 * fine-tuned values that change the model's outputs on safe conversations least, and make up for what these change. All
 * else is the aligned model's. The result has no low rank, so it is a model and no adapter.
 *
 * @returns each edited layer, in the order in which they are written.
 * @throws TrainOptionError without examples, and for an adapter that changes more than linear layers; RegularizerOptionError
 * for a scale out of range; SafeDeltaError for a layer whose weights do not fit or are not finite; AdapterMismatchError for an
 * adapter of another model; what `writeChangedCheckpoint` throws.
 *
 * @example
 * await writeSafeDelta({ model, tokenizer, examples: refusals, tuned: adapter, out: 'safe' });
 */
export async function writeSafeDelta(options: WriteSafeDeltaOptions): Promise<readonly ModuleDelta[]> {
  const { model, tuned, examples, out, onModule, dtype, replace, scale, blockColumns, ...forward } = options;
  const strength = checkSafeDelta({
    ...(scale === undefined ? {} : { scale }),
    ...(blockColumns === undefined ? {} : { blockColumns }),
  });
  const aligned = await openCheckpoint(model.directory);
  const after =
    typeof tuned === 'string' ? await weightsOf(tuned, options) : await merged(aligned, options, tuned);
  const layers = inFileOrder(aligned, [...after.keys()]);
  const sums = layerMoments(examples, { ...forward, model, of: 'inputs', tokens: 'all', layers });
  const take = byName(sums);
  const report: ModuleDelta[] = [];
  const edit = async (name: string): Promise<HostArray> => {
    const { values, taken } = await safeDelta(
      {
        name,
        aligned: await readTensor(findTensor(aligned, `${name}.weight`)),
        tuned: await after.get(name)!(),
        moments: await take(name),
        samples: examples.length,
      },
      strength,
      forward.runtime,
    );
    report.push({ name, taken });
    onModule?.({ name, taken }, report.length, layers.length);
    return values;
  };
  const weights = new Map(layers.map((name) => [`${name}.weight`, () => edit(name)]));
  try {
    await writeChangedCheckpoint(aligned, weights, out, {
      ...(dtype === undefined ? {} : { dtype }),
      ...(replace === undefined ? {} : { replace }),
    });
  } finally {
    await sums.return(undefined);
  }
  return report;
}

type Weights = ReadonlyMap<string, () => Promise<HostArray>>;

/** @throws TrainOptionError when the adapter changes what Safe Delta does not weigh. */
async function merged(
  aligned: Checkpoint,
  { model }: Pick<WriteSafeDeltaOptions, 'model'>,
  adapter: LoraAdapter,
): Promise<Weights> {
  const layers = new Set(model.linearLayers.map(({ name }) => `${name}.weight`));
  const tensors = await mergedTensors(aligned, adapter);
  const other = [...tensors.keys()].find((name) => !layers.has(name));
  if (other !== undefined) {
    const message = `changes '${other}', but only linear layers of blocks are weighed by Safe Delta`;
    throw new TrainOptionError('tuned', message);
  }
  return new Map([...tensors].map(([name, make]) => [name.replace(/\.weight$/, ''), make]));
}

async function weightsOf(folder: string, { model }: Pick<WriteSafeDeltaOptions, 'model'>): Promise<Weights> {
  const checkpoint = await openCheckpoint(folder);
  return new Map(
    model.linearLayers.map(({ name }) => {
      const region = findTensor(checkpoint, `${name}.weight`);
      return [name, () => readTensor(region)];
    }),
  );
}

/** As the writer asks for them, so that few sums wait. */
function inFileOrder(checkpoint: Checkpoint, names: readonly string[]): string[] {
  const place = (name: string) => `${findTensor(checkpoint, `${name}.weight`).file}\0${name}`;
  return [...names].sort((a, b) => (place(a) < place(b) ? -1 : 1));
}

/** Takes items of a stream by their names, whatever the order; those that come before they are asked for wait. */
function byName(source: AsyncGenerator<LayerMoments>): (name: string) => Promise<HostArray> {
  const waiting = new Map<string, HostArray>();
  return async (name) => {
    while (!waiting.has(name)) {
      const { done, value } = await source.next();
      if (done === true) throw new SafeDeltaError(name, 'nothing was summed of what goes into it');
      waiting.set(value.name, value.moments);
    }
    const moments = waiting.get(name)!;
    waiting.delete(name);
    return moments;
  };
}
