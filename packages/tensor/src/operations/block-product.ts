import { elementTypeNumber } from '../onnx/schema.ts';
import type { LoweringSite, Tensor } from '../tensor.ts';
import { constantOperation, weightOperation } from './leaf.ts';

/** How many numbers of x share a scale: the first of these that divides a row. More take a little less time. */
export const blockSizes: readonly number[] = [128, 64, 32, 16];

/**
 * Writes x W^T for a constant 8-bit W as one operator, which rounds x itself, each block of a row by its own scale; see
 * `CompileOptions.roundInBlocks`. Writes nothing where the operator does not fit, and says so.
 */
export function lowerBlockProduct(site: LoweringSite<{ transposeB: boolean }>): boolean {
  const { graph, inputs, inputTypes, outputs, attributes } = site;
  const [x, values, scale, residual] = inputs as [string, string, string, string?];
  const [outer, inner] = inputTypes[1]!.shape as [number, number];
  const size = blockSizes.find((each) => inner % each === 0);
  if (!attributes.transposeB || residual !== undefined || size === undefined || !isConstant(inputTypes[1]))
    return false;
  const blocks = inner / size;
  // What is made of constants here, ONNX Runtime computes once, before it packs them.
  const bytes = inputTypes[1]!.dtype === 'uint8' ? values : aroundMiddle(site, values);
  const matrix = graph.value('Reshape', [bytes, graph.integers([outer, blocks, size])]);
  const column = graph.value('Unsqueeze', [scale, graph.integers([1])]);
  const scales = graph.value('Expand', [column, graph.integers([outer, blocks])]);
  graph.node(
    'MatMulNBits',
    [withNaN(site, x, inner), matrix, scales],
    outputs,
    {
      K: { int: inner },
      N: { int: outer },
      bits: { int: 8 },
      block_size: { int: size },
      // Integer products of x rounded to 8 bits.
      accuracy_level: { int: 4 },
    },
    'com.microsoft',
  );
  return true;
}

/** The operator's rounding makes numbers of a NaN: the row's product with zeros puts it into all of the row. */
function withNaN({ graph }: LoweringSite<unknown>, x: string, width: number): string {
  return graph.shared(`${x} with NaN`, () => {
    const zeros = graph.repeated(0, 'float32', [width, 1]);
    return graph.value('Add', [x, graph.value('MatMul', [x, zeros])]);
  });
}

function isConstant(type: unknown): boolean {
  const operation: unknown = (type as Tensor).node.operation;
  return operation === constantOperation || operation === weightOperation;
}

/** int8 around 0 as uint8 around 128: the same bits but for the highest. */
function aroundMiddle({ graph }: LoweringSite<unknown>, values: string): string {
  const bits = graph.value('Cast', [values], { to: { int: elementTypeNumber('uint8') } });
  return graph.value('BitwiseXor', [bits, graph.scalar(128, 'uint8')]);
}
