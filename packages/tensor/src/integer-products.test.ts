import { execFileSync, spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compile, tensorType } from './compile.ts';
import { InexactIntegersError } from './errors.ts';
import { hostArray } from './host-array.ts';
import {
  bestIntegerType,
  exactIntegerTypes,
  integerTypes,
  isExact,
  probeCases,
  requireExact,
} from './integer-products.ts';
import { constant } from './operations/leaf.ts';
import { quantizedMatmul } from './operations/quantized.ts';
import { useTemporaryDirectory } from './safetensors/__fixtures__/temporary-directory.ts';

const directory = useTemporaryDirectory();

const limit = (value: number) => Math.max(-32768, Math.min(32767, value));

/** Sums of products of x + 128 with weights, two added in 16 bits at a time: what vpmaddubsw does. */
function pairwise(
  left: Float32Array,
  depth: number,
  columns: number,
  right: (k: number, column: number) => number,
  bound = limit,
): Float32Array {
  return Float32Array.from({ length: (left.length / depth) * columns }, (_, at) => {
    const [row, column] = [Math.floor(at / columns), at % columns];
    let [sum, weights] = [0, 0];
    for (let k = 0; k < depth; k += 2) {
      let pair = 0;
      for (let at = k; at < Math.min(k + 2, depth); at++) {
        pair += (left[row * depth + at]! + 128) * right(at, column);
        weights += right(at, column);
      }
      sum += bound(pair);
    }
    return sum - 128 * weights;
  });
}

describe('the probe', () => {
  it.each(probeCases)('tells exact sums from those cut off at 16 bits, $rows rows', (each) => {
    const { x, y, weights, products } = each;
    const [outer, inner] = [19, 71];
    expect(weights).toHaveLength(outer * inner);
    const forward = [x, inner, outer, (k: number, n: number) => weights[n * inner + k]!] as const;
    const backward = [y, outer, inner, (k: number, n: number) => weights[k * inner + n]!] as const;
    const whole = (value: number) => value;
    expect(isExact([pairwise(...forward, whole), pairwise(...backward, whole)], products)).toBe(true);
    for (const cut of [
      [pairwise(...forward), products[1]!],
      [products[0]!, pairwise(...backward)],
    ]) {
      expect(isExact(cut, products)).toBe(false);
    }
  });

  it('finds a type that is exact here, and prefers int8', async () => {
    const exact = await exactIntegerTypes();
    expect(exact).not.toEqual([]);
    expect(exact).toEqual(integerTypes.filter((type) => exact.includes(type)));
    expect(await bestIntegerType()).toBe(exact[0]);
    expect(exactIntegerTypes('cpu')).toBe(exactIntegerTypes());
  });

  it('does not remember that a provider was not there', async () => {
    const absent = 'nowhere' as 'cpu';
    for (let attempt = 0; attempt < 2; attempt++)
      await expect(exactIntegerTypes(absent)).rejects.toThrow(/'nowhere' is not available/);
  });
});

describe('an inexact type', () => {
  it('is refused, with what to use instead', () => {
    const refusal = (used: 'int8' | 'uint8', exact: readonly ('int8' | 'uint8')[]) => {
      try {
        return requireExact(new Set([used]), exact, 'cpu');
      } catch (error) {
        expect(InexactIntegersError.isInstance(error)).toBe(true);
        return error as InexactIntegersError;
      }
    };
    expect(refusal('int8', ['int8', 'uint8'])).toBeUndefined();
    expect(refusal('uint8', ['uint8'])).toBeUndefined();
    expect(refusal('int8', ['uint8'])).toMatchObject({ type: 'int8', exact: ['uint8'] });
    expect(refusal('int8', ['uint8'])!.message).toMatch(
      /does not multiply int8 weights exactly.*'cpu'.*hold them as uint8/,
    );
    expect(refusal('uint8', [])!.message).toMatch(/hold weights as float32 \(precision 'float32'\)/);
    expect(new InexactIntegersError('cpu', undefined, []).message).toMatch(/8-bit weights of either type/);
  });

  it('does not become a session', async () => {
    const exact = await exactIntegerTypes();
    for (const type of integerTypes) {
      const weights = type === 'int8' ? Int8Array.of(127, 127) : Uint8Array.of(255, 255);
      const matrix = {
        values: constant(hostArray(weights, [1, 2])),
        scale: constant(hostArray(Float32Array.of(1), [1])),
      };
      const attempt = compile(({ x }) => ({ y: quantizedMatmul(x, matrix, { transposeB: true }) }), {
        x: tensorType('float32', [1, 2]),
      });
      if (!exact.includes(type)) await expect(attempt).rejects.toSatisfy(InexactIntegersError.isInstance);
      else {
        const executable = await attempt;
        const { y } = await executable.run({ x: hostArray(Float32Array.of(1, 1), [1, 2]) });
        expect(y.data[0]).toBeCloseTo(254, 3);
        await executable.release();
      }
    }
  });
});

/** A program for a simulated processor without VNNI: the best type, and the worst error of a product in it. */
const program = `import { compile, constant, exactIntegerTypes, hostArray, quantizedMatmul, tensorType } from ${JSON.stringify(join(import.meta.dirname, 'index.ts'))};
import { multipliesBlocksExactly } from ${JSON.stringify(join(import.meta.dirname, 'block-probe.ts'))};
const exact = await exactIntegerTypes();
const refused = await compile(
  ({ x }) => ({ y: quantizedMatmul(x, {
    values: constant(hostArray(new Int8Array(64).fill(127), [1, 64])),
    scale: constant(hostArray(Float32Array.of(1), [1])),
  }, { transposeB: true }) }),
  { x: tensorType('float32', [1, 64]) },
).then(() => 'compiled', ({ name }) => name);
console.log(JSON.stringify({ exact, refused, blocks: await multipliesBlocksExactly() }));
`;

/** qemu's user mode simulates AVX2 since 7.2, and no AVX-512 at all. */
const simulator = 'qemu-x86_64';
const simulates =
  process.platform === 'linux' &&
  process.arch === 'x64' &&
  spawnSync(simulator, ['-cpu', 'Haswell', process.execPath, '--version']).status === 0;

it.skipIf(!simulates)(`chooses uint8 on a processor without VNNI (runs where ${simulator} is)`, async () => {
  const file = join(directory(), 'probe.ts');
  await writeFile(file, program);
  const printed = execFileSync(
    simulator,
    ['-cpu', 'Haswell', process.execPath, '--conditions=safetune-source', file],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
  );
  expect(JSON.parse(printed)).toEqual({
    exact: ['uint8'],
    refused: 'InexactIntegersError',
    blocks: true,
  });
});
