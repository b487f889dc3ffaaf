import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { arrayOf, numbersOf, randomArray } from './__fixtures__/random-array.ts';
import { tensorType } from './compile.ts';
import { CompileError, InputError } from './errors.ts';
import { pullBack } from './grad.ts';
import { type CompiledLayer, compileLayers } from './layered.ts';
import { add, multiply, tanh } from './operations/elementwise.ts';
import { input, weight } from './operations/leaf.ts';
import { matmul } from './operations/linalg.ts';
import { useTemporaryDirectory } from './safetensors/__fixtures__/temporary-directory.ts';
import { openSafetensors, readTensor, type TensorRegion } from './safetensors/read.ts';
import { writeSafetensors } from './safetensors/write.ts';
import type { Tensor } from './tensor.ts';

type Traced = { readonly x: Tensor };

const directory = useTemporaryDirectory();
const x = randomArray([2, 3], 9);
const signature = { x: tensorType('float32', ['rows', 3]) };
let regions: TensorRegion[];

beforeEach(async () => {
  const file = join(directory(), 'weights.safetensors');
  const names = ['a', 'b', 'c'];
  await writeSafetensors(
    file,
    Object.fromEntries(names.map((name, seed) => [name, randomArray([3, 3], seed)])),
  );
  const { tensors } = await openSafetensors(file);
  regions = names.map((name) => tensors.get(name)!);
});

async function fedWeights({ weights }: CompiledLayer) {
  return Object.fromEntries(
    await Promise.all(weights.map(async (region) => [region.name, await readTensor(region)])),
  );
}

describe('compileLayers', () => {
  it('shares a session between layers that differ in weights, and feeds each its own', async () => {
    const functions = regions.map((region) => ({ x }: Traced) => ({ y: tanh(matmul(x, weight(region))) }));
    const [fed, constant] = [
      await compileLayers(functions, signature),
      await compileLayers(functions, signature, { weights: 'constant' }),
    ];
    expect([fed.sessionCount, constant.sessionCount]).toEqual([1, 3]);
    const results: number[][] = [];
    for (const [index, layer] of fed.layers.entries()) {
      expect(layer.weights.map(({ name }) => name)).toEqual([regions[index]!.name]);
      expect(constant.layers[index]!.weights).toEqual([]);
      const { y } = await layer.run({ x, ...(await fedWeights(layer)) });
      const same = await constant.layers[index]!.run({ x });
      expect(numbersOf(y!)).toEqual(numbersOf(same.y!));
      results.push(numbersOf(y!));
    }
    expect(new Set(results.map(String)).size).toBe(3);
    await fed.release();
    await constant.release();
  });

  it('makes one session for each different graph', async () => {
    const plain = ({ x }: Traced) => ({ y: matmul(x, weight(regions[0]!)) });
    const doubled = ({ x }: Traced) => ({ y: multiply(matmul(x, weight(regions[1]!)), 2) });
    const { layers, sessionCount, release } = await compileLayers([plain, doubled, plain], signature);
    expect(sessionCount).toBe(2);
    const [first, , third] = await Promise.all(
      layers.map(async (layer) => numbersOf((await layer.run({ x, ...(await fedWeights(layer)) })).y!)),
    );
    expect(third).toEqual(first);
    await release();
  });

  it('lets layers name their inputs and outputs as they like, also in gradients', async () => {
    const parameters = ['one', 'two'].map((name) => input(name, tensorType('float32', [3])));
    const { layers, sessionCount, release } = await compileLayers(
      parameters.map((scale, index) => ({ x, g }) => {
        const [dx, ds] = pullBack([{ output: multiply(x!, scale), gradient: g! }], [x!, scale]);
        return { dx: dx!, [`gradient ${index}`]: ds! };
      }),
      { x: tensorType('float32', ['rows', 3]), g: tensorType('float32', ['rows', 3]) },
    );
    expect(sessionCount).toBe(1);
    expect(layers.map(({ inputs }) => inputs)).toEqual([['one'], ['two']]);
    expect(layers.map(({ outputs }) => outputs)).toEqual([
      ['dx', 'gradient 0'],
      ['dx', 'gradient 1'],
    ]);
    const values = {
      x: arrayOf([1, 3], 1, 2, 3),
      g: arrayOf([1, 3], 1, 1, 2),
      one: arrayOf([3], 5, 6, 7),
      two: arrayOf([3], 0, 1, 0),
    };
    const into = { 'gradient 1': arrayOf([3], 0, 0, 0), 'gradient 0': arrayOf([3], 9, 9, 9) };
    const found = await layers[1]!.run(values, { into });
    expect(numbersOf(found.dx!)).toEqual([0, 1, 0]);
    expect(found['gradient 1']).toBe(into['gradient 1']);
    expect(numbersOf(into['gradient 1'])).toEqual([1, 2, 6]);
    expect(numbersOf(into['gradient 0'])).toEqual([9, 9, 9]);
    expect(numbersOf((await layers[0]!.run(values)).dx!)).toEqual([5, 6, 14]);
    await release();
  });

  it('takes a weight that is used twice once', async () => {
    const twice = ({ x }: Traced) => ({
      y: add(matmul(x, weight(regions[0]!)), matmul(x, weight(regions[0]!))),
    });
    const { layers, release } = await compileLayers([twice], signature);
    expect(layers[0]!.weights).toHaveLength(1);
    await release();
  });

  it('says what is missing, by the name that the layer gives it', async () => {
    const { layers, release } = await compileLayers(
      [({ x }) => ({ y: matmul(x, weight(regions[1]!)) })],
      signature,
    );
    await expect(layers[0]!.run({ x })).rejects.toSatisfy(
      (error) => InputError.isInstance(error) && error.input === 'b',
    );
    await release();
  });

  it('refuses two weights of one name', async () => {
    const other = { ...regions[1]!, name: 'a' };
    const clash = ({ x }: Traced) => ({ y: add(matmul(x, weight(regions[0]!)), matmul(x, weight(other))) });
    await expect(compileLayers([clash], signature)).rejects.toSatisfy(CompileError.isInstance);
  });
});
