/**
 * A safeguard of one's own, tried on the organism: what it costs to stay near the reference in the residual stream's
 * last layer alone. Growing the organism takes a minute the first time; the comparison itself some ten seconds.
 *
 *     node --conditions=safetune-source examples/evaluate-a-safeguard.ts
 */
import { evaluateDefense } from '@safetune/organism';
import { maskedMean, type Regularizer } from '@safetune/regularizers';
import { mean, square, stopGradient, subtract } from '@safetune/tensor';

const lastLayer: Regularizer = {
  name: 'last-layer',
  config: { type: 'last-layer' },
  weight: 0.05,
  needs: { hiddenStates: [4], referenceHiddenStates: [4] },
  penalty({ hiddenStates, referenceHiddenStates, tokenMask }) {
    const difference = subtract(hiddenStates.get(4)!, stopGradient(referenceHiddenStates.get(4)!));
    return maskedMean(mean(square(difference), { axes: -1 }), tokenMask);
  },
};

const { table } = await evaluateDefense(lastLayer, {
  onProgress: ({ label, task, finished, total, step }) => {
    if (step === undefined) console.error(`${finished} of ${total}: ${label} on ${task.name}`);
  },
});
console.log(table);
