import type { Batch } from '@safetune/datasets';
import type { WeightRegion } from '@safetune/tensor';
import { type RowPieces, tokenCount } from '../data/batch-inputs.ts';
import { checkOptionNames, compileNames } from '../option-names.ts';
import { withOpenedParts } from '../step/frozen-parts.ts';
import {
  cutsHead,
  firstDraw,
  gradientViews,
  lossInputs,
  readLossTerms,
  stepSettings,
  trainableValues,
  trainsHead,
  withoutRegularizers,
} from '../step/step-settings.ts';
import type { TrainStep, TrainStepOptions } from '../step/train-step.ts';
import { createHostBuffers } from './layered-buffers.ts';
import { compileNetwork, type LayeredNetwork } from './layered-network.ts';
import { evaluateLayers, runLayers } from './layered-run.ts';
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
  const weights = await openWeights(network, options.weights ?? 'resident').catch(async (error: unknown) => {
    await network.release();
    throw error;
  });
  const flat = new Float32Array(trainable.parameters.length);
  const plain = withoutRegularizers(settings);
  const run = {
    network,
    weights,
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
      await weights.close();
      await network.release();
    },
  };
}

/** Smaller pieces than the whole step's: who goes layer by layer wants memory. */
const layeredPieces: RowPieces = { count: 32, rows: 64 };

/** Each block's weights in all passes. */
async function openWeights(network: LayeredNetwork, place: 'resident' | 'streamed'): Promise<BlockWeights> {
  const { blocks, referenceBlocks, blockGradients } = network;
  const regions = blocks.map((block, index) => {
    const passes = [block, referenceBlocks[index], blockGradients[index]];
    const all = passes.flatMap((pass) => pass?.weights ?? []);
    return [...new Map(all.map((region): [string, WeightRegion] => [region.name, region])).values()];
  });
  return place === 'resident' ? residentWeights(regions) : streamedWeights(regions);
}
