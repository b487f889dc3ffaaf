import { type CompiledParameterPenalty, compileParameterPenalty } from '@safetune/regularizers';
import type { TrainStepOptions } from '../step/train-step.ts';
import { viewsOf } from '../step/trainable.ts';
import { trainedParameters } from '../step/trained-parameters.ts';
import type { StepGradient } from './accumulate.ts';

/** The penalties of a run over what it trains. */
export interface ParameterPenalties {
  /**
   * Their values at the trainable's present values among the terms of a step, and their weighted gradients added to its gradient, in
   * place.
   *
   * @param weights lambda of each regularizer that has a penalty, by name
   */
  addTo(step: StepGradient, weights: Readonly<Record<string, number>>): Promise<StepGradient>;
  release(): Promise<void>;
}

/**
 * Compiles the penalties over what is trained, each by itself: they need no batch, and are the same however steps are run.
 *
 * @param start - the trained values at the start of training; the sessions read them where they are.
 * @throws what `compileParameterPenalty` throws
 */
export async function openParameterPenalties(
  { regularizers = [], trainable, model, runtime = {} }: TrainStepOptions,
  start: Float32Array,
): Promise<ParameterPenalties> {
  const { cacheDirectory } = model;
  const parameters = trainedParameters(trainable, start);
  const compiled: CompiledParameterPenalty[] = [];
  const release = async () => {
    for (const penalty of compiled) await penalty.release();
  };
  try {
    for (const regularizer of regularizers) {
      if (regularizer.parameterPenalty === undefined) continue;
      compiled.push(await compileParameterPenalty(regularizer, parameters, { cacheDirectory, runtime }));
    }
  } catch (error) {
    await release();
    throw error;
  }
  const flat = new Float32Array(trainable.parameters.length);
  const views = viewsOf(trainable, flat);
  return {
    async addTo({ terms, gradients }, weights) {
      const penalties = { ...terms.penalties };
      let { loss } = terms;
      for (const penalty of compiled) {
        const { name } = penalty.regularizer;
        // What it does not use, it writes no gradient of.
        flat.fill(0);
        const { value, unweighted } = await penalty.run(trainable.tensors, weights[name], views);
        for (let at = 0; at < flat.length; at++) gradients[at]! += flat[at]!;
        penalties[name] = (penalties[name] ?? 0) + unweighted;
        loss += value;
      }
      return { terms: { ...terms, loss, penalties }, gradients };
    },
    release,
  };
}
