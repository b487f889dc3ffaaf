import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createLoraAdapter, type LoraAdapter, loadLoraAdapter } from '@safetune/lora';
import { type HostArray, hostArray, svd, writeSafetensors } from '@safetune/tensor';
import { afterAll, describe, expect, it } from 'vitest';
import { pythonWith, runPython } from '../../../../../../conformance/python.ts';
import {
  RegularizerOptionError,
  regularizerFromConfig,
  SafetySubspaceError,
  safetySubspace,
  salora,
  saveSafetySubspace,
} from '../../../index.ts';
import { describeRegularizerContract } from '../../../testing/index.ts';
import { compileMatrixProducts } from '../safe-lora/products.ts';
import { leadingEigenvectors } from './leading-eigenvectors.ts';

const folder = fileURLToPath(
  new URL('../../../../../../conformance/goldens/safe-lora/adapter', import.meta.url),
);
const load = () => loadLoraAdapter(folder);

let state = 11;
const draw = () => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 31 - 1;
};

/** Y Y^T of random outputs Y [size, tokens], of which the first direction is `longest` times the last. */
function moments(size: number, tokens: number, longest = 10): HostArray {
  const rows = Array.from({ length: size }, (_, row) =>
    Array.from({ length: tokens }, () => draw() * longest ** (-row / size)),
  );
  const values = Float32Array.from({ length: size * size }, (_, at) => {
    const [one, other] = [rows[Math.floor(at / size)]!, rows[at % size]!];
    return one.reduce((sum, value, token) => sum + value * other[token]!, 0);
  });
  return hostArray(values, [size, size]);
}

async function layersOf({ modules }: LoraAdapter) {
  return modules.map(({ name, outFeatures }) => ({ name, moments: moments(outFeatures, 40) }));
}

// The contract's checks are made before hooks run.
const directory = await mkdtemp(join(tmpdir(), 'safetune-salora-'));
afterAll(() => rm(directory, { recursive: true }));
const file = join(directory, 'safety.safetensors');
await saveSafetySubspace(file, await safetySubspace(await layersOf(await load()), 3));

/** U^T X. */
function inside(basis: HostArray, x: HostArray): number[] {
  const [rows, columns] = x.shape as [number, number];
  return Array.from({ length: basis.shape[1]! * columns }, (_, at) => {
    let sum = 0;
    for (let row = 0; row < rows; row++)
      sum += Number(basis.get(row, Math.floor(at / columns))) * Number(x.get(row, at % columns));
    return sum;
  });
}

describe('leadingEigenvectors', () => {
  it('of a large matrix, some of whose values are thousands of times the others, are those of its SVD', async () => {
    const matrix = moments(140, 300, 1000);
    const products = await compileMatrixProducts();
    const found = await leadingEigenvectors(matrix, 8, products).finally(() => products.release());
    const whole = svd(matrix);
    expect(found.shape).toEqual([140, 8]);
    for (let column = 0; column < 8; column++) {
      const one = hostArray(
        Float32Array.from({ length: 140 }, (_, row) => Number(whole.u.get(row, column))),
        [140, 1],
      );
      const overlap = inside(found, one);
      expect(Math.abs(overlap[column]!)).toBeCloseTo(1, 3);
      expect(Math.hypot(...overlap)).toBeCloseTo(1, 5);
    }
  });

  it('are as many as the matrix has directions', async () => {
    const products = await compileMatrixProducts();
    for (const size of [40, 130]) {
      const found = await leadingEigenvectors(moments(size, 3), 16, products);
      expect(found.shape).toEqual([size, 3]);
    }
    await products.release();
  });
});

describe('salora', () => {
  it('takes U U^T B away, and nothing else', async () => {
    const [adapter, before] = [await load(), await load()];
    const subspace = await safetySubspace(await layersOf(adapter), 2);
    const path = join(directory, 'two.safetensors');
    await saveSafetySubspace(path, subspace);
    const { beforeTraining, afterStep, afterTraining } = salora({ subspace: path });
    await beforeTraining!(adapter);
    expect(afterTraining).toBeUndefined();
    await afterStep!(adapter, 1);
    for (const [index, { name, a, b }] of adapter.modules.entries()) {
      const basis = subspace.get(name)!;
      expect(Math.max(...inside(basis, b).map(Math.abs)), name).toBeLessThan(1e-6);
      const was = before.modules[index]!;
      expect(a.data).toEqual(was.a.data);
      const [coefficients, [rows, rank]] = [inside(basis, was.b), was.b.shape as [number, number]];
      for (let at = 0; at < rows * rank; at++) {
        let taken = 0;
        for (let direction = 0; direction < 2; direction++)
          taken +=
            Number(basis.get(Math.floor(at / rank), direction)) *
            coefficients[direction * rank + (at % rank)]!;
        expect(Number(b.data[at])).toBeCloseTo(Number(was.b.data[at]) - taken, 6);
      }
    }
    const once = adapter.parameters.slice();
    await afterStep!(adapter, 2);
    once.forEach((value, at) => {
      expect(adapter.parameters[at]).toBeCloseTo(value, 6);
    });
  });

  it('acts when it is told to', async () => {
    const adapter = await load();
    const before = adapter.parameters.slice();
    const seldom = salora({ subspace: file, when: { every: 3, end: true } });
    await seldom.afterStep!(adapter, 2);
    expect(adapter.parameters).toEqual(before);
    await seldom.afterStep!(adapter, 3);
    expect(adapter.parameters).not.toEqual(before);
    expect(salora({ subspace: file, when: 'end' }).afterStep).toBeUndefined();
    const same = regularizerFromConfig({ ...seldom.config });
    expect(same.config).toEqual({ type: 'salora', subspace: file, when: { every: 3, end: true } });
    expect(await same.contents!({ adapter, cacheDirectory: directory })).toEqual({
      subspace: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
  });

  it('refuses options without a meaning, and files that do not fit', async () => {
    expect(() => salora({ subspace: '' })).toThrow(RegularizerOptionError);
    expect(() => salora({ subspace: file, when: { every: 0 } })).toThrow('every is 0');
    expect(() => regularizerFromConfig({ type: 'salora' })).toThrow('safety-subspace');
    const adapter = await load();
    const before = adapter.parameters.slice();
    const start = (subspace: string, of = adapter) => salora({ subspace }).beforeTraining!(of);
    const other = createLoraAdapter([{ name: 'model.layers.9.mlp.up_proj', inFeatures: 4, outFeatures: 8 }], {
      target_modules: ['up_proj'],
    });
    await expect(start(file, other)).rejects.toThrow(/no tensor 'model\.layers\.9/);
    const { name, outFeatures } = adapter.modules[0]!;
    const wrong: [string, HostArray, string][] = [
      ['sizes', hostArray(new Float32Array(6), [3, 2]), `must be float32 [${outFeatures}, k]`],
      ['columns', hostArray(new Float32Array(2 * outFeatures).fill(1), [outFeatures, 2]), 'not orthonormal'],
    ];
    for (const [label, basis, message] of wrong) {
      const path = join(directory, `${label}.safetensors`);
      await saveSafetySubspace(path, new Map([[name, basis]]));
      await expect(start(path)).rejects.toThrow(message);
      await expect(start(path)).rejects.toSatisfy(SafetySubspaceError.isInstance);
    }
    const damaged = join(directory, 'damaged.safetensors');
    await writeFile(damaged, 'none');
    await expect(start(damaged)).rejects.toThrow(damaged);
    const nowhere = salora({ subspace: join(directory, 'nowhere') });
    await expect(nowhere.contents!({ adapter, cacheDirectory: directory })).rejects.toThrow('no such file');
    expect(adapter.parameters).toEqual(before);
  });

  it('refuses outputs that are zero or not finite', async () => {
    const layer = (value: number) => [{ name: 'layer', moments: hostArray(Float32Array.of(value), [1, 1]) }];
    await expect(safetySubspace(layer(0))).rejects.toThrow('they sum to 0');
    await expect(safetySubspace(layer(Number.NaN))).rejects.toThrow('they sum to NaN');
    await expect(safetySubspace(layer(1), 1.5)).rejects.toThrow('rank is 1.5');
  });
});

describeRegularizerContract('salora', () => salora({ subspace: file }), { describe, it }, { adapter: load });

const python = pythonWith('torch', 'safetensors');
describe.skipIf(python === undefined)('against PyTorch (skipped: no Python with torch)', () => {
  it('spans what the SVD of W X does in a layer too large to decompose whole', async () => {
    const [tokens, columns, rows] = [400, 60, 150];
    const inputs = hostArray(
      Float32Array.from({ length: tokens * columns }, (_, at) => draw() * 0.8 ** (at % columns)),
      [tokens, columns],
    );
    const aligned = hostArray(Float32Array.from({ length: rows * columns }, draw), [rows, columns]);
    const products = await compileMatrixProducts();
    const outputs = await products.times(aligned, await products.transposedTimes(inputs, identity(tokens)));
    const moments = await products.times(outputs, await products.transposedTimes(outputs, identity(rows)));
    await products.release();
    const written = (await safetySubspace([{ name: 'layer', moments }], 6)).get('layer')!;
    const layer = join(directory, 'layer.safetensors');
    await writeSafetensors(layer, { aligned, inputs, written });
    const options = ['salora', '--layer', layer, '--rank', '6'];
    const found = (await runPython('verify_weight_edits.py', options)) as { largest: number };
    expect(found.largest).toBeLessThan(2e-3);
  });
});

function identity(size: number): HostArray {
  const values = Float32Array.from({ length: size * size }, (_, at) => Number(at % (size + 1) === 0));
  return hostArray(values, [size, size]);
}
