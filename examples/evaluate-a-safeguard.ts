/**
 * A safeguard of one's own, tried on the organism: what it costs to stay near the reference in the residual stream's
 * last layer alone. Growing the organism takes a minute the first time; the comparison itself some ten seconds.
 *
 *     node --conditions=safetune-source examples/evaluate-a-safeguard.ts
 */
import { evaluateDefense } from '@safetune/organism';
import type { Regularizer } from '@safetune/regularizers';
import { divide, mean, multiply, reshape, square, stopGradient, subtract, sum } from '@safetune/tensor';

const lastLayer: Regularizer = {
  name: 'last-layer',
  config: { type: 'last-layer' },
  weight: 0.5,
  needs: { hiddenStates: [4], referenceHiddenStates: [4] },
  penalty({ hiddenStates, referenceHiddenStates, tokenMask }) {
    const distance = square(subtract(hiddenStates.get(4)!, stopGradient(referenceHiddenStates.get(4)!)));
    const perToken = mean(distance, { axes: -1 });
    return divide(sum(multiply(perToken, reshape(tokenMask, ['batch', 'seq']))), sum(tokenMask));
  },
};

const { table } = await evaluateDefense(lastLayer, {
  onProgress: ({ label, task, finished, total, step }) => {
    if (step === undefined) console.error(`${finished} of ${total}: ${label} on ${task.name}`);
  },
});
console.log(table);
