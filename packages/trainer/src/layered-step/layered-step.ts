import type { Batch } from '@safetune/datasets';
import type { CausalLm } from '@safetune/models';
import type { CompiledLayer, WeightRegion } from '@safetune/tensor';
import { type RowPieces, tokenCount } from '../data/batch-inputs.ts';
import { checkOptionNames, compileNames } from '../option-names.ts';
import { withOpenedParts } from '../step/frozen-parts.ts';
import { referenceTensors } from '../step/references.ts';
import { firstDraw, lossInputs, trainableValues } from '../step/step-inputs.ts';
import { gradientViews, readLossTerms } from '../step/step-outputs.ts';
import { cutsHead, stepSettings, trainsHead, withoutRegularizers } from '../step/step-settings.ts';
import type { TrainStep, TrainStepOptions } from '../step/train-step.ts';
import { createHostBuffers } from './layered-buffers.ts';
import { compileNetwork, type LayeredNetwork } from './layered-network.ts';
import { evaluateLayers, type LayeredRun, runLayers } from './layered-run.ts';
import { type BlockWeights, residentWeights, streamedWeights } from './layered-weights.ts';

export interface LayeredStepOptions extends Omit<TrainStepOptions, 'recompute'> {
  /**
   * Where the blocks' weights are: 'resident' (default) in memory, read once; 'streamed' in their files, read at each
   * use one block ahead, for models larger than memory.
   */
  readonly weights?: 'resident' | 'streamed';
}

/**
 * The training step of {@link compileTrainStep}, run layer by layer: one block's forward pass and one block's
 * recomputation and backward pass are compiled, and looped over the blocks with their weights as inputs. Only the
 * residual stream between blocks is kept. The same loss and gradients; sessions are made in tenths of a second, memory
 * does not grow with depth, and the event loop runs between blocks. Costs one more forward pass.
 *
 * @throws TrainOptionError when two regularizers have one name; GradientError when a trained tensor would get no
 * gradient; SafetensorsError when weights cannot be read; what opening adapters that a regularizer brings along throws.
 */
export async function compileLayeredStep(options: LayeredStepOptions): Promise<TrainStep> {
  checkOptionNames('compileLayeredStep', options, compileNames);
  const opened = await withOpenedParts(options);
  const settings = stepSettings(
    cutsHead(options.model) && !trainsHead(options.trainable, options.model)
      ? { headPieces: layeredPieces, ...opened }
      : opened,
  );
  const { trainable } = options;
  const { model } = settings;
  const network = await compileNetwork(settings, { ...model.runtime, ...options.runtime });
  const { weights, referenceWeights, close } = await openAllWeights(
    network,
    options.weights ?? 'resident',
    model,
  ).catch(async (error: unknown) => {
    await network.release();
    throw error;
  });
  const flat = new Float32Array(trainable.parameters.length);
  const plain = withoutRegularizers(settings);
  const run = {
    network,
    weights,
    referenceWeights,
    referenceTensors: referenceTensors(settings.references),
    buffers: createHostBuffers(),
    gradients: gradientViews(trainable, flat),
  };

  const streamOf = (batch: Batch) => [
    ...(settings.packed ? [1, tokenCount(batch)] : [batch.size, batch.length]),
    model.config.hiddenSize,
  ];

  return {
    trainable,
    gradients: flat,
    async run(batch, termWeights = {}, how = {}) {
      const inputs = lossInputs(settings, batch, termWeights, how);
      const tensors = trainableValues(settings, batch, how.draw ?? firstDraw);
      const outputs = await runLayers({ ...run, tensors }, inputs, streamOf(batch));
      return readLossTerms(settings, outputs, termWeights, how);
    },
    async evaluate(batch) {
      const inputs = lossInputs(plain, batch);
      const tensors = trainableValues(plain, batch, undefined);
      const comparesPairs = settings.objective !== undefined;
      const outputs = await evaluateLayers({ ...run, tensors }, inputs, streamOf(batch), comparesPairs);
      return readLossTerms(plain, outputs).loss;
    },
    async release() {
      await close();
      await network.release();
    },
  };
}

/** Smaller pieces than the whole step's: who goes layer by layer wants memory. */
const layeredPieces: RowPieces = { count: 32, rows: 64 };

interface AllWeights extends Pick<LayeredRun, 'weights' | 'referenceWeights'> {
  close(): Promise<void>;
}

/** Each block's weights in all passes, and those of other checkpoints that are references. */
async function openAllWeights(
  { blocks, references, blockGradients }: LayeredNetwork,
  place: 'resident' | 'streamed',
  model: CausalLm,
): Promise<AllWeights> {
  const ofModel = references.filter(({ reference }) => reference.model === model);
  const passes = [blocks, blockGradients, ...ofModel.map((reference) => reference.blocks)];
  const opened: BlockWeights[] = [];
  const open = async (regions: readonly (readonly WeightRegion[])[]) => {
    const weights = place === 'resident' ? await residentWeights(regions) : streamedWeights(regions);
    opened.push(weights);
    return weights;
  };
  const close = async () => {
    for (const each of opened) await each.close();
  };
  try {
    const weights = await open(blocks.map((_, index) => regionsOf(passes.map((pass) => pass[index]))));
    const referenceWeights = new Map<string, BlockWeights>();
    for (const { reference, blocks: own } of references) {
      if (reference.model === model) continue;
      referenceWeights.set(reference.name, await open(own.map((block) => regionsOf([block]))));
    }
    return { weights, referenceWeights, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The weights of several passes over one block, each once. */
function regionsOf(passes: readonly (CompiledLayer | undefined)[]): WeightRegion[] {
  const all = passes.flatMap((pass) => pass?.weights ?? []);
  return [...new Map(all.map((region): [string, WeightRegion] => [region.name, region])).values()];
}
