/** The matrix product and the perceptron with TensorFlow.js on its WebAssembly backend. */
import { settings, timeSteps, unavailable } from '../programs/lines.ts';
import { learningRate, type PerceptronSettings, perceptronData } from '../programs/perceptron-data.ts';

const given = settings<
  PerceptronSettings & { readonly task: 'matmul' | 'perceptron'; readonly size: number }
>();
const tf = await import('@tensorflow/tfjs-core').catch(() =>
  unavailable('@tensorflow/tfjs-core is not installed'),
);
await import('@tensorflow/tfjs-backend-wasm').catch(() =>
  unavailable('@tensorflow/tfjs-backend-wasm is not installed'),
);
await tf.setBackend('wasm');
await tf.ready();

if (given.task === 'matmul') {
  const { size } = given;
  const values = (scale: number) => {
    const data = Float32Array.from({ length: size * size }, (_, index) => Math.sin(scale * index));
    return tf.tensor2d(data, [size, size]);
  };
  const [a, b] = [values(1), values(2)];
  await timeSteps(given, async () => {
    const product = tf.matMul(a, b);
    const [first] = await product.data();
    product.dispose();
    return first;
  });
} else {
  const { batch, widths } = given;
  const { images, labels, parameters } = perceptronData(given);
  const x = tf.tensor2d(images.values, [batch, widths[0]]);
  const y = tf.cast(tf.oneHot(tf.tensor1d(labels, 'int32'), widths[2]), 'float32');
  const variable = (name: keyof typeof parameters) =>
    tf.variable(tf.tensor(parameters[name].values, [...parameters[name].shape]));
  const [w1, b1, w2, b2] = [variable('w1'), variable('b1'), variable('w2'), variable('b2')];
  // The gradients by hand: tfjs-core alone registers none, and the backend has not all of their operations. In its favour.
  const step = () => {
    const before = tf.add(tf.matMul(x, w1), b1);
    const hidden = tf.relu(before);
    const probabilities = tf.softmax(tf.add(tf.matMul(hidden, w2), b2));
    const loss = tf.mul(tf.sum(tf.mul(y, tf.log(probabilities))), -1 / batch);
    const dLogits = tf.mul(tf.sub(probabilities, y), 1 / batch);
    const dBefore = tf.mul(tf.matMul(dLogits, w2, false, true), tf.step(before));
    const descend = (parameter: typeof w1, gradient: ReturnType<typeof tf.add>) =>
      parameter.assign(tf.sub(parameter, tf.mul(gradient, learningRate)));
    descend(w1, tf.matMul(x, dBefore, true));
    descend(b1, tf.sum(dBefore, 0));
    descend(w2, tf.matMul(hidden, dLogits, true));
    descend(b2, tf.sum(dLogits, 0));
    return loss;
  };
  await timeSteps(given, async () => {
    const loss = tf.tidy(step);
    const [first] = await loss.data();
    loss.dispose();
    return first;
  });
}
