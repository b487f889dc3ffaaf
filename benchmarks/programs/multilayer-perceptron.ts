/** A training step of a perceptron with one hidden layer: cross-entropy, gradients, gradient descent; all in one graph. */
import {
  add,
  compile,
  crossEntropy,
  hostArray,
  matmul,
  mean,
  multiply,
  relu,
  subtract,
  type Tensor,
  tensorType,
  valueAndGrad,
} from '@safetune/tensor';
import { settings, timeSteps } from './lines.ts';
import { learningRate, type PerceptronSettings, perceptronData } from './perceptron-data.ts';

const given = settings<PerceptronSettings & { readonly threads: number }>();
const { batch, widths } = given;
const { images, labels, parameters } = perceptronData(given);

interface Parameters extends Readonly<Record<string, Tensor>> {
  readonly w1: Tensor;
  readonly b1: Tensor;
  readonly w2: Tensor;
  readonly b2: Tensor;
}
const lossAndGradients = valueAndGrad(({ w1, b1, w2, b2 }: Parameters, x: Tensor, y: Tensor) =>
  mean(crossEntropy(add(matmul(relu(add(matmul(x, w1), b1)), w2), b2), y)),
);

const names = ['w1', 'b1', 'w2', 'b2'] as const;
const types = Object.fromEntries(names.map((name) => [name, tensorType('float32', parameters[name].shape)]));
const step = await compile(
  ({ x, y, ...before }: Readonly<Record<string, Tensor>>) => {
    const { value, gradients } = lossAndGradients(before as Parameters, x!, y!);
    const updated = names.map((name) => [
      `new ${name}`,
      subtract(before[name]!, multiply(gradients[name], learningRate)),
    ]);
    return { loss: value, ...(Object.fromEntries(updated) as Record<string, Tensor>) };
  },
  { x: tensorType('float32', [batch, widths[0]]), y: tensorType('int64', [batch]), ...types },
  { threads: given.threads, carry: Object.fromEntries(names.map((name) => [`new ${name}`, name])) },
);
const array = ({ values, shape }: { values: Float32Array; shape: readonly number[] }) =>
  hostArray(values, [...shape]);
const run = step.sequence(Object.fromEntries(names.map((name) => [name, array(parameters[name])])));
const inputs = { x: array(images), y: hostArray(BigInt64Array.from(labels, BigInt), [batch]) };

await timeSteps(given, async () => {
  const { loss } = await run.run(inputs);
  return Number(loss!.data[0]);
});
await step.release();
