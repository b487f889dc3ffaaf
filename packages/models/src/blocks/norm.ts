import { rmsNorm, type Tensor } from '@safetune/tensor';
import type { BlockContext } from './block-context.ts';

/** Root-mean-square normalisation with the weight of that name; x and the result are [batch, seq, hidden]. */
export function norm(
  x: Tensor,
  weightName: string,
  { weight, config }: Pick<BlockContext, 'weight' | 'config'>,
): Tensor {
  return rmsNorm(x, weight(weightName), config.normEpsilon);
}
