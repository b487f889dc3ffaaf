import type { ChatExample } from '@safetune/datasets';
import { requireAdapterFits } from '@safetune/lora';
import { createScorer } from '@safetune/models';
import { batchSizeOf, type ForwardBatchOptions, tokenizeExamples } from './forward-batches.ts';
import { modelIdentity } from './model-identity.ts';

/** A model that says how unlikely answers are to it; made by {@link createAnswerLoss}. */
export interface AnswerLossModel {
  /**
   * Mean negative log-likelihood, in nats, of each example's response tokens (with their end of turn) given what
   * stands before them. An `AnswerLoss` of the regularizers package.
   *
   * @throws NoSupervisedTokensError, ChatTemplateError of the datasets package for an example without an answer.
   */
  loss(examples: readonly ChatExample[]): Promise<Float64Array>;
  /** Tells this model, adapter and tokenizer from others: what `cachedAnswerLoss` files losses under. */
  readonly id: string;
  release(): Promise<void>;
}

/**
 * Compiles a model, with or without an adapter, to score answers.
 *
 * @throws AdapterMismatchError when the model lacks a module of the adapter; TrainOptionError for a batch size out of
 * range; CompileError.
 *
 * @example
 * const { loss, id, release } = await createAnswerLoss({ model, tokenizer });
 * const losses = await cachedAnswerLoss({ file: 'scores.jsonl', model: id, loss })(examples);
 */
export async function createAnswerLoss(options: ForwardBatchOptions): Promise<AnswerLossModel> {
  const { model, adapter, runtime } = options;
  const batchSize = batchSizeOf(options);
  if (adapter !== undefined) requireAdapterFits(adapter, model);
  const scorer = await createScorer(model, { ...runtime, ...(adapter === undefined ? {} : { adapter }) });
  return {
    id: await modelIdentity(options),
    async loss(examples) {
      const answers = tokenizeExamples(examples, options).map(({ tokenIds, responseMask }) => ({
        prompt: [tokenIds[0]!],
        answer: [...tokenIds.subarray(1)],
        counted: Array.from(responseMask.subarray(1), (mark) => mark === 1),
      }));
      const scores = await scorer.score(answers, { batchSize });
      return Float64Array.from(
        scores,
        ({ logProbability, tokenLogProbabilities }) => -logProbability / tokenLogProbabilities.length,
      );
    },
    release: () => scorer.release(),
  };
}
