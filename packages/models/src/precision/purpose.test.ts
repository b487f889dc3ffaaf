import { bestIntegerType, exactIntegerTypes } from '@safetune/tensor';
import { expect, it } from 'vitest';
import { goldenDirectory, temporaryDirectory } from '../__fixtures__/goldens.ts';
import { LoadOptionError } from '../errors.ts';
import { createGenerator } from '../generate/generate.ts';
import { loadModel } from '../load-model.ts';
import type { Precision } from './precision.ts';
import type { ModelPurpose } from './purpose.ts';

const folder = goldenDirectory('llama-untied-float32');
const cacheDirectory = temporaryDirectory();
const load = (precision: Precision, purpose: ModelPurpose) =>
  loadModel(folder, { precision, purpose, cacheDirectory });
const typeOf = (model: Awaited<ReturnType<typeof load>>) => model.weights.get('lm_head.weight.values')?.dtype;

it('holds weights of int8 unsigned for generation, where that is exact', async () => {
  const [exact, best] = [await exactIntegerTypes(), await bestIntegerType()];
  expect(typeOf(await load('int8', 'generation'))).toBe(exact.includes('uint8') ? 'uint8' : best);
  expect(typeOf(await load('int8', 'training'))).toBe(best);
  expect(typeOf(await load('int8x3', 'generation'))).toBe(best);
  expect(typeOf(await load('float32', 'generation'))).toBeUndefined();
  const told = await loadModel(folder, {
    precision: 'int8',
    purpose: 'generation',
    integers: best,
    cacheDirectory,
  });
  expect(typeOf(told)).toBe(best);
});

it('changes nothing of what is generated', async () => {
  const answers = await Promise.all(
    (['training', 'generation'] as const).map(async (purpose) => {
      const generator = await createGenerator(await load('int8', purpose));
      const found = await generator.generate([[5, 9, 200, 31], [7]], { maxNewTokens: 12, stopTokenIds: [] });
      await generator.release();
      return found;
    }),
  );
  expect(answers[1]).toEqual(answers[0]);
});

it('is one of those that there are', async () => {
  const error: unknown = await load('int8', 'chatting' as never).catch((caught: unknown) => caught);
  expect(LoadOptionError.isInstance(error)).toBe(true);
  expect((error as Error).message).toBe(
    "loadModel: there is no purpose 'chatting'; there are training, generation",
  );
});
