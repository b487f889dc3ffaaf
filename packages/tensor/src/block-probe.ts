import { hostArray } from './host-array.ts';
import { extremes, isExact, type Provider, product } from './integer-products.ts';
import { lower } from './onnx/lower.ts';
import { blockSizes } from './operations/block-product.ts';
import { constant, input } from './operations/leaf.ts';
import { quantizedMatmul } from './operations/quantized.ts';
import { createSession, toRuntime } from './runtime.ts';
import { tensorType } from './signature.ts';
import type { Tensor } from './tensor.ts';

const found = new Map<Provider, Promise<boolean>>();

/**
 * Whether 8-bit products of activations rounded in blocks are exact here: the question of `exactIntegerTypes` for other kernels,
 * answered in the same way, once in a process for each provider.
 *
 * @throws CompileError when the provider is not available.
 */
export function multipliesBlocksExactly(executionProvider: Provider = 'cpu'): Promise<boolean> {
  const known = found.get(executionProvider) ?? probe(executionProvider);
  found.set(executionProvider, known);
  known.catch(() => found.delete(executionProvider));
  return known;
}

/** Rows of W; more rows of x than a kernel takes at a time, and one; an odd number of blocks. */
const [outer, rowCounts, blocks] = [19, [18, 1], 3];

/** Sums of up to 6 million, in float32; one cut-off pair is 20,000 off. */
const tolerance = 100;

async function probe(executionProvider: Provider): Promise<boolean> {
  const scale = constant(hostArray(new Float32Array(outer).fill(1), [outer]));
  const inputs: Record<string, Tensor> = {};
  const outputs: Record<string, Tensor> = {};
  const weights = new Map(blockSizes.map((size) => [size, extremes(outer, blocks * size)]));
  for (const [size, values] of weights) {
    const x = input(`x${size}`, tensorType('float32', ['rows', blocks * size]));
    inputs[`x${size}`] = x;
    const shape = [outer, blocks * size];
    const held = {
      int8: hostArray(Int8Array.from(values), shape),
      uint8: hostArray(
        Uint8Array.from(values, (value) => value + 128),
        shape,
      ),
    };
    for (const [type, array] of Object.entries(held))
      outputs[`${type} ${size}`] = quantizedMatmul(
        x,
        { values: constant(array), scale },
        { transposeB: true },
      );
  }
  const session = await createSession(lower(inputs, outputs, { roundInBlocks: true }), {
    executionProvider,
    threads: 1,
    prepackWeights: true,
  });
  try {
    for (const rows of rowCounts) {
      const feeds = blockSizes.map(async (size) => {
        const x = hostArray(extremes(rows, blocks * size), [rows, blocks * size]);
        return [`x${size}`, await toRuntime(x, 'float32')] as const;
      });
      const fetches = Object.fromEntries(Object.keys(outputs).map((name) => [name, null]));
      const results = await session.run(Object.fromEntries(await Promise.all(feeds)), fetches);
      for (const [size, values] of weights) {
        const inner = blocks * size;
        const expected = product(extremes(rows, inner), inner, outer, (k, n) => values[n * inner + k]!);
        const products = [`int8 ${size}`, `uint8 ${size}`].map((name) => results[name]!.data as Float32Array);
        if (!isExact(products, [expected, expected], tolerance)) return false;
      }
    }
    return true;
  } finally {
    await session.release();
  }
}
