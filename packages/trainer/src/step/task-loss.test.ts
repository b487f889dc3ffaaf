/** The loss of each row as regularizers change it: in both memory modes, packed, in pieces, and over several batches. */
import { padBatch, type TokenizedExample } from '@safetune/datasets';
import { createLoraAdapter } from '@safetune/lora';
import { type CausalLm, loadModel } from '@safetune/models';
import { kl, type Regularizer } from '@safetune/regularizers';
import { add, crossEntropy, gather, mean, multiply, softplus, square, subtract } from '@safetune/tensor';
import { beforeAll, describe, expect, it } from 'vitest';
import { checkpointDirectory, relativeError } from '../__fixtures__/goldens.ts';
import { TrainOptionError } from '../errors.ts';
import { compileLayeredStep } from '../layered-step/layered-step.ts';
import { accumulate } from '../run/accumulate.ts';
import { stepGradient } from '../run/step-gradient.ts';
import { compileTrainStep } from '../whole-step/whole-step.ts';
import { compilePenaltyCounts } from './penalty-counts.ts';
import { stepSettings } from './step-settings.ts';
import { type Trainable, trainAdapter, trainAllWeights } from './trainable.ts';

/** Of two turns each, whose targets weigh differently. */
const examples: TokenizedExample[] = [5, 30, 9, 17, 8, 6, 22, 12].map((length, index) => {
  const responseMask = Uint8Array.from({ length }, (_, at) => (at > 1 && at % 7 > 1 ? 1 : 0));
  return {
    tokenIds: Int32Array.from({ length }, (_, at) => (7 * index + 3 * at + at * at) % 90),
    responseMask,
    ...(index % 3 === 0 && {
      lossWeights: Float32Array.from(responseMask, (mark, at) => mark / 2 ** (at % 3)),
    }),
    tags: [],
  };
});
const batch = padBatch(examples, { padTokenId: 0 });

const changing = (name: string, taskLossPerRow: Regularizer['taskLossPerRow'] & {}): Regularizer => ({
  name,
  config: { type: name },
  taskLossPerRow,
});
const byPosition = changing('by-position', (loss, { positionInResponse }) =>
  multiply(loss, positionInResponse),
);
const shifted = changing('shifted', (loss) => add(loss, 1));
/** Bounded by the reference, and by what a layer before the last says. */
const byReference: Regularizer = {
  ...changing('by-reference', (loss, { referenceLogits, labels }) =>
    softplus(multiply(subtract(loss, crossEntropy(referenceLogits!, labels)), 2)),
  ),
  needs: { referenceLogits: true },
};

let model: CausalLm;
let trainable: Trainable;
beforeAll(async () => {
  model = await loadModel(checkpointDirectory('llama-untied-float32'));
  const adapter = createLoraAdapter(model.linearLayers, { r: 4, target_modules: 'all-linear' }, { seed: 1 });
  adapter.parameters.forEach((value, index) => {
    adapter.parameters[index] = value + 0.05 * Math.sin(index);
  });
  trainable = trainAdapter(adapter);
});

describe('the loss of each row', () => {
  it('is what the weights of the targets would make of it, where it is only weighed', async () => {
    const step = await compileTrainStep({ model, trainable, regularizers: [byPosition] });
    const terms = await step.run(batch);
    // The same weights by hand. Their sum divides the mean, in the one place that of the weights before.
    const weights = Float32Array.from(batch.lossWeights!);
    let place = 0;
    const weighed = weights.map((weight, at) => {
      place = batch.responseMask[at] === 1 && at % batch.length > 0 ? place + 1 : 0;
      return weight * place;
    });
    const total = (values: Float32Array) => values.reduce((sum, value) => sum + value, 0);
    const plain = await compileTrainStep({ model, trainable });
    const share = total(weighed) / total(weights);
    const { crossEntropy: expected } = await plain.run(
      { ...batch, lossWeights: weighed },
      {},
      { taskWeight: share },
    );
    expect(terms.taskLoss! / (expected * share)).toBeCloseTo(1, 5);
    expect(terms.loss).toBe(terms.taskLoss);
    expect(relativeError(step.gradients, plain.gradients)).toBeLessThan(1e-5);
    expect(share).toBeGreaterThan(1.5);
    // Told beside it, and evaluated, is the cross-entropy as it was.
    const before = await plain.run(batch);
    expect(terms.crossEntropy).toBeCloseTo(before.crossEntropy, 5);
    expect(before.taskLoss).toBeUndefined();
    expect(await step.evaluate(batch)).toBeCloseTo(before.crossEntropy, 5);
    // Anchors keep to it, too.
    const anchors = await step.run(batch, {}, { isAnchor: true, taskWeight: 0.5 });
    await plain.run(batch, {}, { taskWeight: 0.5 });
    expect(relativeError(step.gradients, plain.gradients)).toBeLessThan(1e-5);
    expect(anchors.loss).toBeCloseTo(0.5 * before.crossEntropy, 5);
    expect(anchors.taskLoss).toBeUndefined();
    for (const each of [step, plain]) await each.release();
  });

  it('is changed by one regularizer after the other', async () => {
    const losses: number[] = [];
    for (const regularizers of [[byPosition], [shifted, byPosition], [byPosition, shifted]]) {
      const step = await compileTrainStep({ model, trainable, regularizers });
      losses.push((await step.run(batch)).taskLoss!);
      await step.release();
    }
    const [weighed, before, after] = losses as [number, number, number];
    expect(after - weighed).toBeCloseTo(1, 4);
    expect(before - weighed).toBeGreaterThan(1.5);
  });

  it.each(['adapter', 'all weights'])(
    'is the same in every memory mode, packed and in pieces, beside a penalty: %s',
    async (trains) => {
      const options = {
        model,
        trainable: trains === 'adapter' ? trainable : await trainAllWeights(model),
        regularizers: [byReference, byPosition, ...(trains === 'adapter' ? [kl()] : [])],
      };
      const headPieces = { count: 3, rows: 16 };
      if (trains === 'all weights') options.regularizers.shift();
      const steps = [
        await compileTrainStep(options),
        await compileTrainStep({ ...options, packing: true, recompute: 'all', headPieces }),
        await compileLayeredStep({ ...options, weights: 'resident' }),
        await compileLayeredStep({ ...options, weights: 'streamed', packing: true, headPieces }),
      ];
      const terms = [];
      for (const step of steps) terms.push(await step.run(batch, { kl: 0.3 }));
      const [first] = terms;
      expect(Math.abs(first!.taskLoss! - first!.crossEntropy)).toBeGreaterThan(0.1);
      const penalty = first!.penalties.kl ?? 0;
      expect(first!.loss).toBeCloseTo(first!.taskLoss! + 0.3 * penalty, 5);
      for (const [index, step] of steps.entries()) {
        expect(terms[index]!.taskLoss! / first!.taskLoss!).toBeCloseTo(1, 5);
        expect(relativeError(step.gradients, steps[0]!.gradients)).toBeLessThan(1e-5);
        await step.release();
      }
    },
  );

  it('sees the states of layers, through which its gradient goes', async () => {
    const ofStates: Regularizer = {
      ...changing('of-states', (loss, { hiddenStates, exampleOfRow }) => {
        const size = mean(square(hiddenStates.get(1)!), { axes: [1, 2] });
        return multiply(loss, gather(size, exampleOfRow));
      }),
      needs: { hiddenStates: [1] },
    };
    const options = { model, trainable, regularizers: [ofStates] };
    const steps = [
      await compileTrainStep(options),
      await compileTrainStep({ ...options, headPieces: { count: 3, rows: 16 } }),
      await compileLayeredStep(options),
    ];
    for (const step of steps) await step.run(batch);
    for (const step of steps) {
      expect(relativeError(step.gradients, steps[0]!.gradients)).toBeLessThan(1e-5);
      await step.release();
    }
  });

  it('of 4 batches of 2 is that of 8 at once', async () => {
    const options = { model, trainable, regularizers: [byReference, byPosition, kl()] };
    const step = await compileTrainStep(options);
    const counts = await compilePenaltyCounts(stepSettings(options));
    const draw = { seed: 1, step: 0, penaltyCounts: counts };
    const whole = await accumulate(step, [batch], { kl: 0.5 }, draw);
    const expected = whole.gradients.slice();
    const batches = [0, 2, 4, 6].map((from) => padBatch(examples.slice(from, from + 2), { padTokenId: 0 }));
    const { terms, gradients } = await accumulate(step, batches, { kl: 0.5 }, draw);
    expect(terms.taskLoss! / whole.terms.taskLoss!).toBeCloseTo(1, 5);
    expect(terms.loss / whole.terms.loss).toBeCloseTo(1, 5);
    expect(relativeError(gradients, expected)).toBeLessThan(1e-5);
    for (const each of [step, counts]) await each.release();
  });

  it('is asked for of a step that was compiled before', async () => {
    const step = await compileTrainStep({ model, trainable, regularizers: [byPosition] });
    const sources = { step, anchors: new Map(), penaltyCounts: undefined, seed: 1 };
    const found = await stepGradient({ ...sources, regularizers: [byPosition] }, [batch], 0, {});
    expect(found.terms.taskLoss).toBeGreaterThan(found.terms.crossEntropy);
    const others = stepGradient({ ...sources, regularizers: [] }, [batch], 0, {});
    await expect(others).rejects.toThrow('changes the loss of each token, but no regularizer does');
    await step.release();
    const plain = await compileTrainStep({ model, trainable });
    const wanted = stepGradient({ ...sources, step: plain, regularizers: [byPosition] }, [batch], 0, {});
    await expect(wanted).rejects.toThrow(
      "trains the cross-entropy of each token, but 'by-position' changes it",
    );
    await plain.release();
  });

  it('is none of an objective over pairs', async () => {
    const compiling = compileTrainStep({
      model,
      trainable,
      regularizers: [kl(), byPosition],
      objective: { type: 'dpo' },
    });
    await expect(compiling).rejects.toThrow(
      "'by-position' changes the loss of each token, but the objective 'dpo' compares whole answers",
    );
    await expect(compiling).rejects.toThrow(TrainOptionError);
  });
});
