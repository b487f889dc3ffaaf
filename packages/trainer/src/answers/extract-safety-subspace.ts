import type { ChatExample } from '@safetune/datasets';
import { type SafetySubspace, safetySubspace } from '@safetune/regularizers';
import type { ForwardBatchOptions } from './forward-batches.ts';
import { layerMoments } from './layer-moments.ts';

/** Options of {@link extractSafetySubspace}. */
export interface ExtractSafetySubspaceOptions extends ForwardBatchOptions {
  /** Harmful prompts with their refusals, best the model's own. */
  readonly examples: readonly ChatExample[];
  /** r_s: directions of each layer. Default 16. */
  readonly rank?: number;
  /** Names of linear layers. Default all of the model's blocks. */
  readonly layers?: readonly string[];
}

/**
 * Where the outputs of each linear layer lie while the model reads refusals, for SaLoRA (Li et al., ICLR 2025,
 * arXiv 2501.01765): the leading left singular vectors of W X, X being the layer's inputs at all response tokens.
 *
 * @throws TrainOptionError without examples or for a layer that the model does not have; RegularizerOptionError for a rank
 * out of range; NoSupervisedTokensError for an example without an answer; CompileError.
 *
 * @example
 * await saveSafetySubspace('safety.safetensors', await extractSafetySubspace({ model, tokenizer, examples }));
 */
export async function extractSafetySubspace({
  examples,
  rank,
  ...options
}: ExtractSafetySubspaceOptions): Promise<SafetySubspace> {
  const moments = layerMoments(examples, { ...options, of: 'outputs', tokens: 'response' });
  return safetySubspace(moments, rank, options.runtime);
}
