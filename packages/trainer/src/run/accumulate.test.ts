import { padBatch, type TokenizedExample } from '@safetune/datasets';
import { createLoraAdapter, type LoraAdapter } from '@safetune/lora';
import { loadModel } from '@safetune/models';
import { kl, ldifs, maskedMean, named, type Regularizer } from '@safetune/regularizers';
import { square, stopGradient, sum } from '@safetune/tensor';
import { beforeAll, describe, expect, it } from 'vitest';
import { checkpointDirectory, relativeError } from '../__fixtures__/goldens.ts';
import { TrainOptionError } from '../errors.ts';
import { compilePenaltyCounts } from '../step/penalty-counts.ts';
import { stepSettings } from '../step/step-settings.ts';
import { trainAdapter } from '../step/trainable.ts';
import { compileTrainStep } from '../whole-step/whole-step.ts';
import { accumulate } from './accumulate.ts';

/** Lengths from 3 to 50, targets from 1 to 40, weights from 1/8 to 1, tags of a few. */
const examples: TokenizedExample[] = [3, 50, 8, 21, 13, 34, 5, 9].map((length, index) => {
  const prompt = index === 1 ? 10 : length - 1 - (index % 3);
  const responseMask = Uint8Array.from({ length }, (_, at) => (at > 0 && at >= prompt ? 1 : 0));
  return {
    tokenIds: Int32Array.from({ length }, (_, at) => (7 * index + 3 * at + at * at) % 90),
    responseMask,
    ...(index % 2 === 0 && {
      lossWeights: Float32Array.from(responseMask, (mark, at) => mark / 2 ** (1 + ((at + index) % 3))),
    }),
    tags: index < 3 ? ['safe'] : [],
  };
});

/** Sees only rows whose model is unsure: known too late to say what a batch's share is. */
const unsure: Regularizer = {
  name: 'unsure',
  config: { type: 'unsure' },
  penaltyPerRow({ logits }) {
    const values = sum(square(logits), { axes: -1 });
    return { values, mask: stopGradient(values) };
  },
  penalty(outputs) {
    const { values, mask } = this.penaltyPerRow!(outputs);
    return maskedMean(values, mask);
  },
};

const regularizers = [
  kl({ weight: 0.7 }),
  named('kl-safe', kl({ weight: 2, onlyTagged: 'safe' })),
  named('kl-all', kl({ weight: 0.3, scope: 'all' })),
  ldifs({ weight: 5, layers: [1, 2] }),
];
const weights = { kl: 0.7, 'kl-safe': 2, 'kl-all': 0.3, ldifs: 5 };
const draw = { seed: 1, step: 0 };

let adapter: LoraAdapter;
let model: Awaited<ReturnType<typeof loadModel>>;
beforeAll(async () => {
  model = await loadModel(checkpointDirectory('llama-untied-float32'));
  adapter = createLoraAdapter(model.linearLayers, { r: 4, target_modules: 'all-linear' }, { seed: 1 });
  // B is 0 at first, where penalties and most gradients are.
  adapter.parameters.forEach((value, index) => {
    adapter.parameters[index] = value + 0.05 * Math.sin(index);
  });
});

describe('accumulate', () => {
  it.each([
    ['4 x 2', [2, 2, 2, 2]],
    ['parts of other sizes', [1, 5, 2]],
  ])('makes %s what 8 at once are, with very different lengths and weights', async (_name, sizes) => {
    const options = { model, trainable: trainAdapter(adapter), regularizers };
    const step = await compileTrainStep(options);
    const counts = await compilePenaltyCounts(stepSettings(options));
    const whole = await accumulate(step, [padBatch(examples, { padTokenId: 0 })], weights, {
      ...draw,
      penaltyCounts: counts,
    });
    const expected = whole.gradients.slice();
    let from = 0;
    const batches = sizes.map((size) => {
      from += size;
      return padBatch(examples.slice(from - size, from), { padTokenId: 0 });
    });
    const { terms, gradients } = await accumulate(step, batches, weights, { ...draw, penaltyCounts: counts });
    expect(terms.loss / whole.terms.loss).toBeCloseTo(1, 5);
    expect(terms.crossEntropy / whole.terms.crossEntropy).toBeCloseTo(1, 5);
    for (const [name, value] of Object.entries(whole.terms.penalties)) {
      expect(value).toBeGreaterThan(0);
      expect(terms.penalties[name]! / value, name).toBeCloseTo(1, 5);
    }
    expect(relativeError(gradients, expected)).toBeLessThan(1e-5);
    await step.release();
    await counts.release();
  });

  it('refuses a penalty whose mask the model decides', async () => {
    const settings = stepSettings({ model, trainable: trainAdapter(adapter), regularizers: [unsure] });
    await expect(compilePenaltyCounts(settings)).rejects.toSatisfy(
      (error: unknown) => TrainOptionError.isInstance(error) && error.option === 'gradientAccumulation',
    );
  });
});
