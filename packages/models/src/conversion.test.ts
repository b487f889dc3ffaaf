import { join } from 'node:path';
import { expect, it } from 'vitest';
import { goldenDirectory, temporaryDirectory } from './__fixtures__/goldens.ts';
import { type LoadModelOptions, loadModel } from './load-model.ts';

const directory = temporaryDirectory();

type Progress = Parameters<NonNullable<LoadModelOptions['onConversion']>>[0];

it.each(['float32', 'int8'] as const)(
  'a model that is converted to %s tells how far it is',
  async (precision) => {
    const told: Progress[] = [];
    const options = {
      precision,
      cacheDirectory: join(directory, precision),
      onConversion: (progress: Progress) => told.push(progress),
    };
    await loadModel(goldenDirectory('qwen2-tied-bfloat16'), options);
    const last = (step: Progress['step']) => told.filter((each) => each.step === step).at(-1)!;
    for (const step of ['reading', 'converting'] as const) expect(last(step).done).toBe(last(step).total);
    expect(told.every(({ done, total }) => done > 0 && done <= total)).toBe(true);
    if (precision === 'float32') expect(last('converting').total).toBe(2 * last('reading').total);
    told.length = 0;
    await loadModel(goldenDirectory('qwen2-tied-bfloat16'), options);
    expect(told.filter(({ step }) => step === 'converting')).toEqual([]);
  },
);

it('a model that is used as it is tells nothing', async () => {
  const told: Progress[] = [];
  await loadModel(goldenDirectory('llama-untied-float32'), {
    cacheDirectory: directory,
    onConversion: (progress) => told.push(progress),
  });
  expect(told).toEqual([]);
});
