import { estimateParameterPenalty } from '@safetune/regularizers';
import type { TrainStepOptions } from '../step/train-step.ts';
import { trainedParameters } from '../step/trained-parameters.ts';
import { arenaFactor, compiledMemory } from './process-memory.ts';

/**
 * Bytes that the sessions of penalties over parameters add: what they map, their arenas, and the compiled graphs. Traces them, for which
 * some open files; compiles nothing. The start of training and the gradient are counted with what is trained.
 *
 * @throws what `compileParameterPenalty` throws
 */
export async function parameterPenaltyMemory({
  regularizers = [],
  trainable,
  model,
}: TrainStepOptions): Promise<number> {
  let bytes = 0;
  for (const regularizer of regularizers) {
    if (regularizer.parameterPenalty === undefined) continue;
    const parameters = trainedParameters(trainable, trainable.parameters);
    const { weights, peak, outputs, nodes } = await estimateParameterPenalty(regularizer, parameters, {
      cacheDirectory: model.cacheDirectory,
    });
    // Outputs are written into the gradient that is there.
    bytes += weights + arenaFactor * (peak - outputs) + compiledMemory(nodes);
  }
  return bytes;
}
