import { describeShape, sameShape } from '../dimension.ts';
import { ShapeError } from '../errors.ts';
import { applyOperation, requireDtype } from '../operation.ts';
import type { Operation, Tensor } from '../tensor.ts';
import { sum } from './broadcast.ts';
import { add, multiply, negate, subtract } from './elementwise.ts';
import { addAlong } from './indexing.ts';
import { reshape } from './shape.ts';

/** -log softmax(logits)[r, label r] for logits [rows, vocabulary] and int64 labels [rows]; one loss per row, nats. */
export function crossEntropy(logits: Tensor, labels: Tensor): Tensor {
  return applyOperation(crossEntropyOperation, [logits, labels], null)[0]!;
}

/**
 * The second output is softmax(logits), which the derivative p - onehot(label) reuses: over a large vocabulary two values
 * of the logits' size exist at a time, these and the logits.
 */
const crossEntropyOperation: Operation<null> = {
  name: 'crossEntropy',
  infer: ([logits, labels]) => {
    requireDtype('crossEntropy', [logits!], 'float32');
    requireDtype('crossEntropy', [labels!], 'int64');
    if (logits!.shape.length !== 2 || !sameShape(labels!.shape, logits!.shape.slice(0, 1))) {
      throw new ShapeError(
        'crossEntropy',
        `logits ${describeShape(logits!.shape)} must be [rows, vocabulary], labels ${describeShape(labels!.shape)} [rows]`,
      );
    }
    return [{ dtype: 'float32', shape: labels!.shape }, logits!];
  },
  gradient: ({
    inputs: [, labels],
    outputs: [, probabilities],
    outputGradients: [ofLoss, ofProbabilities],
  }) => {
    const [p, rows] = [probabilities!, labels!.shape[0]!];
    const column = (perRow: Tensor) => reshape(perRow, [rows, 1]);
    const terms: Tensor[] = [];
    if (ofLoss !== undefined) {
      const arrived = column(ofLoss);
      terms.push(addAlong(multiply(p, arrived), negate(arrived), column(labels!)));
    }
    // Reached when this derivative is itself differentiated.
    if (ofProbabilities !== undefined) {
      const mean = sum(multiply(ofProbabilities, p), { axes: -1, keepDims: true });
      terms.push(multiply(p, subtract(ofProbabilities, mean)));
    }
    return [terms.reduce(add), undefined];
  },
  lower: ({ graph, inputs: [logits, labels], outputs: [loss, probabilities] }) => {
    // Counted from the front: of no rows, ONNX Runtime reduces the wrong axis when it is counted from the end.
    const lastAxis = graph.integers([1]);
    const largest = (of: string) => graph.value('ReduceMax', [of, lastAxis], { keepdims: { int: 0 } });
    const column = graph.value('Unsqueeze', [labels!, lastAxis]);
    const ofLabel = (of: string) =>
      graph.value('Squeeze', [graph.value('GatherElements', [of, column], { axis: { int: 1 } }), lastAxis]);
    graph.node('Softmax', [logits!], [probabilities!], { axis: { int: -1 } });
    // log sum exp(x) = max x - log(max softmax(x)), without another value of the logits' size.
    const logSumExp = graph.value('Sub', [largest(logits!), graph.value('Log', [largest(probabilities!)])]);
    const difference = graph.value('Sub', [logSumExp, ofLabel(logits!)]);
    // Maxima pass over a NaN: zero times a probability brings it back.
    const zeroOrNaN = graph.value('Mul', [ofLabel(probabilities!), graph.scalar(0)]);
    graph.node('Add', [difference, zeroOrNaN], [loss!]);
  },
};
