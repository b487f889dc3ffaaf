import { divide, maximum, multiply, sum, type Tensor } from '@safetune/tensor';

/** sum(values * mask) / sum(mask) over all elements; 0 when the mask is empty. Both have the same shape. */
export function maskedMean(values: Tensor, mask: Tensor): Tensor {
  return divide(sum(multiply(values, mask)), maximum(sum(mask), 1));
}
