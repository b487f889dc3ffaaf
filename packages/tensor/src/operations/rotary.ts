import { type Dimension, describeShape, sameShape } from '../dimension.ts';
import { GradientError, ShapeError } from '../errors.ts';
import { applySingle, requireDtype } from '../operation.ts';
import type { LoweringSite, Operation, Tensor } from '../tensor.ts';
import { negate } from './elementwise.ts';

/**
 * Rotary position embedding (Su et al. 2021) in the half-split form of Hugging Face: with x = (x1, x2) split in the
 * middle of the last axis, (x1 cos - x2 sin, x2 cos + x1 sin).
 *
 * @param x [batch, heads, seq, headDim]; batch and seq must not be 0 at run time
 * @param cosine [batch, seq, headDim / 2]
 * @param sine [batch, seq, headDim / 2]
 */
export function rotary(x: Tensor, cosine: Tensor, sine: Tensor): Tensor {
  return applySingle(rotaryOperation, [x, cosine, sine], null);
}

/** What {@link rotary} turned, if this is a tensor it gave. */
export function turnedBy({ node }: Tensor): readonly [x: Tensor, cosine: Tensor, sine: Tensor] | undefined {
  return (node.operation as unknown) === rotaryOperation
    ? (node.inputs as [Tensor, Tensor, Tensor])
    : undefined;
}

const rotaryOperation: Operation<null> = {
  name: 'rotary',
  infer: ([x, cosine, sine]) => {
    requireDtype('rotary', [x!, cosine!, sine!], 'float32');
    const [batch, , length, width] = x!.shape;
    if (x!.shape.length !== 4 || typeof width !== 'number' || width % 2 !== 0) {
      throw new ShapeError(
        'rotary',
        `x ${describeShape(x!.shape)} must be [batch, heads, seq, an even number]`,
      );
    }
    const needed = [batch!, length!, width / 2];
    for (const table of [cosine!, sine!]) {
      if (!sameShape(table.shape, needed)) {
        throw new ShapeError(
          'rotary',
          `x ${describeShape(x!.shape)} needs tables ${describeShape(needed)}, got ${describeShape(table.shape)}`,
        );
      }
    }
    return [x!];
  },
  // A rotation's adjoint is the rotation back.
  gradient: ({ inputs, outputGradients, wants }) => {
    if (wants(1) || wants(2)) {
      throw new GradientError(
        'rotary: angles come from positions, there is no gradient with respect to the tables',
      );
    }
    return [rotary(outputGradients[0]!, inputs[1]!, negate(inputs[2]!)), undefined, undefined];
  },
  lower: lowerRotary,
};

/** {@link rotary} of heads side by side, [batch, seq, heads * headDim]: as the kernels of attention take them. */
export function rotaryOfMergedHeads(x: Tensor, cosine: Tensor, sine: Tensor): Tensor {
  return applySingle(rotaryOfMergedHeadsOperation, [x, cosine, sine], null);
}

const rotaryOfMergedHeadsOperation: Operation<null> = {
  name: 'rotaryOfMergedHeads',
  infer: ([x]) => [x!],
  lower: lowerRotary,
};

function lowerRotary({ graph, inputs, inputTypes, outputs }: LoweringSite<null>): void {
  const [batch, length, half] = inputTypes[1]!.shape as [Dimension, Dimension, number];
  // ONNX Runtime looks angles up in a table by position: the rows of all examples are the table, counted through.
  const table = (name: string) =>
    graph.shared(`rotary table of ${name}`, () => graph.value('Reshape', [name, graph.integers([-1, half])]));
  const [cosine, sine] = [table(inputs[1]!), table(inputs[2]!)];
  const positions = graph.shared(`rotary positions of ${inputs[1]}`, () => {
    const extent = graph.value('Shape', [cosine], { start: { int: 0 }, end: { int: 1 } });
    const counted = graph.value('Range', [
      graph.integer(0),
      graph.value('Squeeze', [extent]),
      graph.integer(1),
    ]);
    return graph.value('Reshape', [counted, graph.shapeVector([batch, length])]);
  });
  graph.node('RotaryEmbedding', [inputs[0]!, positions, cosine, sine], outputs, {}, 'com.microsoft');
}
