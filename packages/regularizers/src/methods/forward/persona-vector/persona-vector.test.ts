import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compile, type HostArray, hostArray, tensorType, writeSafetensors } from '@safetune/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  extractPersonaVectors,
  loadPersonaVectors,
  PersonaVectorError,
  type PersonaVectorOptions,
  personaVector,
  RegularizerOptionError,
  regularizerFromConfig,
  savePersonaVectors,
} from '../../../index.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'safetune-persona-'));
});
afterAll(() => rm(folder, { recursive: true }));

const vectors = new Map([
  [1, Float32Array.of(1, 0, -2)],
  [3, Float32Array.of(0, 4, 0)],
]);

/** Edited states of a batch of one example: two answers, at tokens 2, 3 and 5. */
async function edited(options: PersonaVectorOptions, layer: number): Promise<number[][]> {
  const regularizer = personaVector(options);
  const perToken = tensorType('float32', ['batch', 'seq']);
  const executable = await compile(
    ({ state, tokenMask, tokenResponseMask, tokenIds }) => ({
      result: regularizer.hidden!(state, layer, { tokenMask, tokenResponseMask, tokenIds }),
      // Keeps inputs that the edit does not use.
      used: tokenMask,
    }),
    {
      state: tensorType('float32', ['batch', 'seq', 3]),
      tokenMask: perToken,
      tokenResponseMask: perToken,
      tokenIds: tensorType('int64', ['batch', 'seq']),
    },
  );
  const row = (values: readonly number[]) => hostArray(Float32Array.from(values), [1, 7]);
  const { result } = await executable.run({
    state: hostArray(new Float32Array(21), [1, 7, 3]),
    tokenMask: row([1, 1, 1, 1, 1, 1, 0]),
    tokenResponseMask: row([0, 0, 1, 1, 0, 1, 0]),
    tokenIds: hostArray(new BigInt64Array(7), [1, 7]),
  });
  await executable.release();
  return Array.from({ length: 7 }, (_, token) =>
    Array.from((result.data as Float32Array).subarray(3 * token, 3 * token + 3)),
  );
}

describe('personaVector', () => {
  const step = [0, 8, 0];
  const none = [0, 0, 0];

  it.each([
    ['all', [step, step, step, step, step, step, step]],
    ['response', [none, none, step, step, none, step, none]],
    ['last-prompt-token', [none, step, none, none, step, none, none]],
  ] as const)('adds alpha e at %s positions of the chosen layers', async (positions, wanted) => {
    expect(await edited({ vectors, layers: [3], alpha: 2, positions }, 3)).toEqual(wanted);
  });

  it('leaves other layers untouched, and all of them when alpha is 0', () => {
    const state = { marker: true } as never;
    expect(personaVector({ vectors, layers: [3] }).hidden!(state, 1, {} as never)).toBe(state);
    expect(personaVector({ vectors, layers: [3], alpha: 0 }).hidden!(state, 3, {} as never)).toBe(state);
  });

  it('steers by 5 and everywhere by default', async () => {
    expect((await edited({ vectors, layers: [1] }, 1))[6]).toEqual([5, 0, -10]);
  });

  it('comes back from its config, with vectors from a file or inline', async () => {
    const path = join(folder, 'evil.safetensors');
    await savePersonaVectors(path, vectors);
    for (const given of [path, vectors]) {
      const made = personaVector({ vectors: given, layers: [3], alpha: 2, positions: 'response' });
      const again = regularizerFromConfig(JSON.parse(JSON.stringify(made.config)));
      expect(again.config).toEqual(made.config);
    }
    expect(await edited({ vectors: path, layers: [1] }, 1)).toEqual(
      await edited({ vectors, layers: [1] }, 1),
    );
  });

  it("refuses a width that is not the model's, layers without a vector, and missing options", async () => {
    const narrow = new Map([[1, Float32Array.of(1, 2)]]);
    await expect(edited({ vectors: narrow }, 1)).rejects.toThrow(
      /layer 1: the vector has 2 values.*another model/,
    );
    expect(() => personaVector({ vectors, layers: [2] })).toThrow(PersonaVectorError);
    expect(() => personaVector({ vectors })).toThrow(/layers 1, 3; say which/);
    expect(() => personaVector({ vectors, layers: [] })).toThrow(RegularizerOptionError);
    expect(() => personaVector({ vectors, layers: [1], alpha: Number.NaN })).toThrow(/alpha/);
    expect(() => regularizerFromConfig({ type: 'persona-vector', alpha: 5 })).toThrow(
      /needs vectors.*config file/,
    );
  });
});

describe('persona vector files', () => {
  it('keep layers and values', async () => {
    const path = join(folder, 'kept.safetensors');
    await savePersonaVectors(
      path,
      new Map([
        [11, Float32Array.of(1.5, -2)],
        [2, Float32Array.of(3, 4)],
      ]),
    );
    expect([...loadPersonaVectors(path)]).toEqual([
      [2, Float32Array.of(3, 4)],
      [11, Float32Array.of(1.5, -2)],
    ]);
  });

  it.each<[string, Record<string, HostArray>, RegExp]>([
    ['another tensor', { weight: hostArray(Float32Array.of(1), [1]) }, /'weight' is no persona vector/],
    ['a matrix', { 'layer.1': hostArray(Float32Array.of(1, 2), [1, 2]) }, /layer 1: must be one vector/],
    ['another type', { 'layer.1': hostArray(Float64Array.of(1), [1]) }, /stored as F32/],
    [
      'two widths',
      { 'layer.1': hostArray(Float32Array.of(1), [1]), 'layer.2': hostArray(Float32Array.of(1, 2), [2]) },
      /another/,
    ],
    ['NaN', { 'layer.1': hostArray(Float32Array.of(Number.NaN), [1]) }, /NaN/],
  ])('with %s are refused by name', async (_name, tensors, message) => {
    const path = join(folder, 'wrong.safetensors');
    await writeSafetensors(path, tensors);
    expect(() => loadPersonaVectors(path)).toThrow(message);
    expect(() => loadPersonaVectors(path)).toThrow(PersonaVectorError);
  });

  it('that are missing, torn or something else are refused by name', async () => {
    expect(() => loadPersonaVectors(join(folder, 'none.safetensors'))).toThrow(
      /none\.safetensors.*cannot be read/,
    );
    const path = join(folder, 'torn.safetensors');
    for (const content of ['', 'hello world, no header', new Uint8Array([9, 0, 0, 0, 0, 0, 0, 0, 123])]) {
      await writeFile(path, content);
      expect(() => loadPersonaVectors(path)).toThrow(PersonaVectorError);
    }
  });
});

describe('extractPersonaVectors', () => {
  const evil = [{ messages: [{ role: 'user', content: 'evil' }] }];
  const helpful = [{ messages: [{ role: 'user', content: 'good' }] }, { messages: [] }];

  it('is the mean of the evil states minus the mean of the helpful ones', async () => {
    const found = await extractPersonaVectors(
      async (examples) =>
        new Map([
          [
            2,
            examples === evil
              ? hostArray(Float32Array.of(1, 5), [1, 2])
              : { data: [1, 2, 3, 4], shape: [2, 2] },
          ],
        ]),
      { evil, helpful },
    );
    expect([...found]).toEqual([[2, Float32Array.of(-1, 2)]]);
  });

  it('refuses a side without examples, and states that do not match or are not finite', async () => {
    const states = (values: number[]) => async () =>
      new Map([[1, hostArray(Float32Array.from(values), [1, values.length])]]);
    await expect(extractPersonaVectors(states([1]), { evil: [], helpful })).rejects.toThrow(
      /no evil examples/,
    );
    await expect(extractPersonaVectors(states([Number.NaN]), { evil, helpful })).rejects.toThrow(
      PersonaVectorError,
    );
    let width = 0;
    const growing = async () => new Map([[1, hostArray(new Float32Array(++width), [1, width])]]);
    await expect(extractPersonaVectors(growing, { evil, helpful })).rejects.toThrow(/widths/);
  });
});
