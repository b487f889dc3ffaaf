import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compile, type HostArray, hostArray, tensorType, writeSafetensors } from '@safetune/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type CaftOptions,
  caft,
  type Directions,
  DirectionsError,
  loadDirections,
  RegularizerOptionError,
  regularizerFromConfig,
  saveDirections,
  savePersonaVectors,
} from '../../../index.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'safetune-caft-'));
});
afterAll(() => rm(folder, { recursive: true }));

const directions: Directions = new Map([
  [1, [Float32Array.of(2, 0, 0, 0), Float32Array.of(3, 4, 0, 0)]],
  [3, [Float32Array.of(0, 0, 3, 4)]],
]);

/** What is left of the states (1, 2, 3, 4) and (5, 6, 7, 8) after a layer. */
async function left(options: CaftOptions, layer: number): Promise<number[]> {
  const executable = await compile(
    ({ state }) => ({ result: caft(options).hidden!(state, layer, {} as never) }),
    { state: tensorType('float32', ['batch', 'seq', 4]) },
  );
  const { result } = await executable.run({
    state: hostArray(Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8), [1, 2, 4]),
  });
  await executable.release();
  return Array.from(result.data as Float32Array);
}

const expectStates = (found: readonly number[], wanted: readonly number[]) => {
  for (const [index, value] of wanted.entries()) expect(found[index], `value ${index}`).toBeCloseTo(value, 5);
};

describe('caft', () => {
  it.each<[string, Partial<CaftOptions>, number, number[]]>([
    // (3, 4) along (3/5, 4/5) is all of it; (7, 8) along it is 10.6.
    ['one direction', {}, 3, [1, 2, 0, 0, 5, 6, 0.64, -0.48]],
    ['the span of several', {}, 1, [0, 0, 3, 4, 0, 0, 7, 8]],
    ['the first of each layer', { components: 1 }, 1, [0, 2, 3, 4, 0, 6, 7, 8]],
    // (1, 2) along (3/5, 4/5) is 2.2, (5, 6) is 7.8.
    ['one by its number', { layers: [1], components: [1] }, 1, [-0.32, 0.24, 3, 4, 0.32, -0.24, 7, 8]],
    ['those named for a layer', { components: { 1: [0] } }, 1, [0, 2, 3, 4, 0, 6, 7, 8]],
  ])('takes out %s', async (_name, options, layer, wanted) => {
    expectStates(await left({ directions, ...options }, layer), wanted);
  });

  it('takes out what directions span that depend on each other', async () => {
    const [first, second] = directions.get(1)!;
    const sum = first!.map((value, index) => value + second![index]!);
    expectStates(
      await left({ directions: new Map([[1, [first!, second!, sum]]]) }, 1),
      [0, 0, 3, 4, 0, 0, 7, 8],
    );
  });

  it('lists the layers it edits, and leaves others alone', () => {
    const state = { marker: true } as never;
    expect(caft({ directions }).editedLayers).toEqual([1, 3]);
    expect(caft({ directions, layers: [3] }).editedLayers).toEqual([3]);
    expect(caft({ directions, layers: [3] }).hidden!(state, 1, {} as never)).toBe(state);
    expect(caft({ directions, components: { 3: [0], 1: [1] } }).editedLayers).toEqual([1, 3]);
  });

  it('comes back from its config, with directions from a file or inline', async () => {
    const path = join(folder, 'directions.safetensors');
    await saveDirections(path, directions);
    for (const given of [path, directions]) {
      for (const options of [
        {},
        { layers: [3] },
        { layers: [1], components: [1] },
        { components: { 1: [0] } },
      ]) {
        const made = caft({ directions: given, ...options });
        const again = regularizerFromConfig(JSON.parse(JSON.stringify(made.config)));
        expect(again.config).toEqual(made.config);
        expect(again.editedLayers).toEqual(made.editedLayers);
      }
    }
    expect(await left({ directions: path }, 3)).toEqual(await left({ directions }, 3));
  });

  it('says what it ablates by a digest of that alone', async () => {
    const path = join(folder, 'digest.safetensors');
    const digest = async (options: CaftOptions) => (await caft(options).contents!({} as never)).directions;
    await saveDirections(path, directions);
    expect(await digest({ directions: path })).toBe(await digest({ directions }));
    const other = new Map([[1, directions.get(1)!.toReversed()]]);
    expect(await digest({ directions: other, components: { 1: [1] } })).toBe(
      await digest({ directions, components: { 1: [0] } }),
    );
    expect(await digest({ directions, layers: [1] })).not.toBe(await digest({ directions, layers: [3] }));
    const moved = new Map([[2, directions.get(1)!]]);
    expect(await digest({ directions: moved })).not.toBe(await digest({ directions, layers: [1] }));
  });

  it.each<[string, Partial<CaftOptions>, RegExp]>([
    ['components by layer beside layers', { layers: [1], components: { 1: [0] } }, /leave layers out/],
    ['no layer', { layers: [] }, /the choice of layers is empty/],
    ['no component', { components: [] }, /components holds \[\]/],
    ['a component twice', { layers: [1], components: [1, 1] }, /\[1,1\], must be different numbers/],
    ['no whole number', { components: 1.5 }, /components is 1.5/],
  ])('refuses %s', (_name, options, message) => {
    expect(() => caft({ directions, ...options })).toThrow(message);
    expect(() => caft({ directions, ...options })).toThrow(RegularizerOptionError);
  });

  it.each<[string, CaftOptions, RegExp]>([
    ['a layer without directions', { directions, layers: [2] }, /layer 2: .* only of 1, 3/],
    [
      'more components than there are',
      { directions, components: 2 },
      /layer 3: there is no component 1, only 0 to 0/,
    ],
    ['a whole space', { directions: new Map([[1, [Float32Array.of(1)]]]) }, /nothing would be left/],
    ['no directions', { directions: new Map() }, /there are no directions/],
    ['a zero', { directions: new Map([[1, [Float32Array.of(0, 0)]]]) }, /direction 0 is zero/],
    ['NaN', { directions: new Map([[1, [Float32Array.of(Number.NaN, 0)]]]) }, /NaN/],
    [
      'two widths',
      { directions: new Map([[1, [Float32Array.of(1, 0), Float32Array.of(1, 0, 0)]]]) },
      /direction 1 has 3 values, another 2/,
    ],
  ])('refuses %s', (_name, options, message) => {
    expect(() => caft(options)).toThrow(message);
    expect(() => caft(options)).toThrow(DirectionsError);
  });

  it("refuses a width that is not the model's, and a short form", async () => {
    const narrow = new Map([[1, [Float32Array.of(1, 2)]]]);
    await expect(left({ directions: narrow }, 1)).rejects.toThrow(/have 2 values.*another model/);
    expect(() => regularizerFromConfig({ type: 'caft', components: 4 })).toThrow(
      /needs directions.*config file/,
    );
    expect(() => caft({ directions, component: 1 } as never)).toThrow(/Did you mean 'components'/);
  });
});

describe('files of directions', () => {
  it('keep layers, order and values; persona vectors are one direction a layer', async () => {
    const path = join(folder, 'kept.safetensors');
    await saveDirections(path, new Map([...directions].toReversed()));
    expect([...loadDirections(path)]).toEqual([...directions]);
    await savePersonaVectors(path, new Map([[2, Float32Array.of(1, 2)]]));
    expect([...loadDirections(path)]).toEqual([[2, [Float32Array.of(1, 2)]]]);
  });

  it.each<[string, Record<string, HostArray>, RegExp]>([
    ['another tensor', { weight: hostArray(Float32Array.of(1), [1]) }, /'weight' is no tensor of directions/],
    ['three axes', { 'layer.1': hostArray(Float32Array.of(1), [1, 1, 1]) }, /shape \[hidden\] or/],
    ['another type', { 'layer.1': hostArray(Float64Array.of(1), [1]) }, /stored as F32/],
  ])('with %s are refused by name', async (_name, tensors, message) => {
    const path = join(folder, 'wrong.safetensors');
    await writeSafetensors(path, tensors);
    expect(() => loadDirections(path)).toThrow(message);
    expect(() => loadDirections(path)).toThrow(DirectionsError);
  });
});
