/** A safeguard of a stranger, as a module: KL to the reference, written out. */
import { maskedMean, type Regularizer } from '@safetune/regularizers';
import { exp, logSoftmax, multiply, subtract, sum } from '@safetune/tensor';

export default function stayNear({ weight = 1 }: { readonly weight?: number }): Regularizer {
  return {
    name: 'stay-near',
    config: { type: 'stay-near', weight },
    weight,
    needs: { referenceLogits: true },
    penalty({ logits, referenceLogits, responseMask }) {
      const [p, q] = [logSoftmax(logits), logSoftmax(referenceLogits!)];
      return maskedMean(sum(multiply(exp(p), subtract(p, q)), { axes: -1 }), responseMask);
    },
  };
}
