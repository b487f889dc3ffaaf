import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLoraAdapter } from '@safetune/lora';
import { hostArray } from '@safetune/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  compileParameterPenalty,
  estimateParameterPenalty,
  ewc,
  parametersOf,
  saveFisher,
} from '../../../index.ts';

const width = 64;
const layers = Array.from({ length: 6 }, (_, index) => ({
  name: `layers.${index}.up_proj`,
  inFeatures: width,
  outFeatures: width,
}));

let folder: string;
let fisher: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'safetune-ewc-'));
  fisher = join(folder, 'fisher.safetensors');
  const ones = hostArray(new Float32Array(width * width).fill(1), [width, width]);
  const weights = Object.fromEntries(layers.map(({ name }) => [`${name}.weight`, ones]));
  await saveFisher(fisher, { weights, examples: 1, tokens: 1 });
});
afterAll(() => rm(folder, { recursive: true }));

const adapterOf = (count: number) =>
  createLoraAdapter(layers.slice(0, count), { r: 2, target_modules: 'all-linear' });

describe('ewc', () => {
  it('forms the update of one layer at a time, and maps the information', async () => {
    const [one, all] = [
      await estimateParameterPenalty(ewc({ fisher }), parametersOf(adapterOf(1))),
      await estimateParameterPenalty(ewc({ fisher }), parametersOf(adapterOf(6))),
    ];
    const matrix = 4 * width * width;
    expect(one.peak).toBeGreaterThan(2 * matrix);
    expect(all.peak - one.peak).toBeLessThan(matrix);
    expect(all.weights).toBe(6 * matrix);
  });

  it('looks at no factor whose layer has no information, and is refused at once without a file', async () => {
    const adapter = adapterOf(2);
    const zeros = join(folder, 'zeros.safetensors');
    const none = hostArray(new Float32Array(width * width), [width, width]);
    const weights = Object.fromEntries(layers.map(({ name }) => [`${name}.weight`, none]));
    await saveFisher(zeros, { weights, examples: 1, tokens: 1 });
    const penalty = await compileParameterPenalty(ewc({ fisher: zeros }), parametersOf(adapter));
    adapter.parameters.fill(3);
    const { value, gradients } = await penalty.run(adapter.trained);
    await penalty.release();
    expect(value).toBe(0);
    for (const { data } of Object.values(gradients)) expect([...new Set(data as Float32Array)]).toEqual([0]);
    expect(() => ewc({} as never)).toThrow('fisher is missing: give the file of the Fisher diagonal');
    expect(() => ewc({ fisher, weight: -1 })).toThrow('the weight is -1');
    expect(() => ewc({ fishers: fisher } as never)).toThrow("Did you mean 'fisher'");
  });
});
