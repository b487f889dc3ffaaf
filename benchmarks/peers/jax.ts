/** The matrix product and the perceptron with jax-js on its WebAssembly backend. */
import { settings, timeSteps, unavailable } from '../programs/lines.ts';
import { learningRate, type PerceptronSettings, perceptronData } from '../programs/perceptron-data.ts';

const given = settings<
  PerceptronSettings & { readonly task: 'matmul' | 'perceptron'; readonly size: number }
>();
const jax = await import('@jax-js/jax').catch(() => unavailable('@jax-js/jax is not installed'));
const { numpy: np, jit, nn, valueAndGrad } = jax;
type Value = InstanceType<typeof jax.Array>;
await jax.init('wasm');
jax.defaultDevice('wasm');

// jax-js counts references: an operation uses its arguments up, `.ref` keeps one for later.
if (given.task === 'matmul') {
  const { size } = given;
  const values = (scale: number) => {
    const data = Float32Array.from({ length: size * size }, (_, index) => Math.sin(scale * index));
    return np.array(data).reshape([size, size]);
  };
  const [a, b] = [values(1), values(2)];
  const product = jit((left: Value, right: Value) => np.matmul(left, right));
  await timeSteps(given, async () => Number((await product(a.ref, b.ref).data())[0]));
} else {
  const { images, labels, parameters } = perceptronData(given);
  const array = ({ values, shape }: (typeof parameters)['w1']) => np.array(values).reshape([...shape]);
  const x = array(images);
  const y = nn.oneHot(np.array(labels), given.widths[2]);
  let state = [array(parameters.w1), array(parameters.b1), array(parameters.w2), array(parameters.b2)];
  const loss = ([w1, b1, w2, b2]: Value[], images: Value, targets: Value): Value => {
    const hidden = nn.relu(np.matmul(images, w1!).add(b1!));
    const logits = np.matmul(hidden, w2!).add(b2!);
    return np.sum(nn.logSoftmax(logits, -1).mul(targets)).mul(-1 / given.batch);
  };
  const step = jit((before: Value[], images: Value, targets: Value): [Value, Value[]] => {
    const [value, gradients] = valueAndGrad(loss)(
      before.map(({ ref }) => ref),
      images,
      targets,
    );
    return [value, before.map((parameter, index) => parameter.sub(gradients[index]!.mul(learningRate)))];
  });
  await timeSteps(given, async () => {
    const [value, next] = step(state, x.ref, y.ref);
    state = next;
    return Number((await value.data())[0]);
  });
}
