import { type CausalLm, loadModel } from '@safetune/models';
import { beforeAll, describe, expect, it } from 'vitest';
import { checkpointDirectory } from '../__fixtures__/goldens.ts';
import { InsufficientMemoryError, TrainOptionError } from '../errors.ts';
import { trainAllWeights } from './trainable.ts';

describe('trainAllWeights', () => {
  let model: CausalLm;
  beforeAll(async () => {
    model = await loadModel(checkpointDirectory('llama-untied-float32'));
  });
  const weightCount = () =>
    [...model.weights.values()].reduce(
      (total, { shape }) => total + shape.reduce((product, extent) => product * extent, 1),
      0,
    );

  it('refuses before it reads a weight, with the numbers', async () => {
    // A read would fail by another error.
    const absent = new Map(
      [...model.weights].map(([name, region]) => [name, { ...region, file: '/absent.safetensors' }]),
    );
    const attempt = trainAllWeights({ ...model, weights: absent }, { memoryLimit: 1e6 });
    const error: unknown = await attempt.catch((reason: unknown) => reason);
    if (!InsufficientMemoryError.isInstance(error)) throw error;
    const bytes = 4 * weightCount();
    expect(error.needed).toEqual({ values: bytes, gradients: bytes, moments: 2 * bytes });
    expect(error.available).toBeLessThan(0);
    expect(error.message).toMatch(/all weights would need .* GB: .* AdamW's two moments; there are 0.00 GB/);
  });

  it('refuses a model that no machine holds, by the memory of this one', async () => {
    const huge = [...model.weights.values()].map((region): [string, typeof region] => [
      region.name,
      { ...region, shape: [2 ** 40] },
    ]);
    await expect(trainAllWeights({ ...model, weights: new Map(huge) })).rejects.toSatisfy(
      (error: unknown) =>
        InsufficientMemoryError.isInstance(error) &&
        error.available > 0 &&
        error.needed.values === 4 * huge.length * 2 ** 40,
    );
  });

  it('takes 16 bytes a parameter, no less', async () => {
    const limit = () => process.memoryUsage.rss() + 16 * weightCount();
    await expect(trainAllWeights(model, { memoryLimit: limit() / 2 })).rejects.toSatisfy(
      InsufficientMemoryError.isInstance,
    );
    const { parameters } = await trainAllWeights(model, { memoryLimit: limit() + 1e9 });
    expect(parameters).toHaveLength(weightCount());
  });

  it.each([0, -1, Number.NaN])('refuses a limit of %s', async (memoryLimit) => {
    await expect(trainAllWeights(model, { memoryLimit })).rejects.toSatisfy(
      (error: unknown) => TrainOptionError.isInstance(error) && error.option === 'memoryLimit',
    );
  });
});
