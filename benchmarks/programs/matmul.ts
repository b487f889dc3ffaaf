/** A square float32 product. */
import { compile, hostArray, matmul, tensorType } from '@safetune/tensor';
import { type Repetitions, settings, timeSteps } from './lines.ts';

const given = settings<Repetitions & { readonly size: number; readonly threads: number }>();
const { size, threads } = given;
const shape = [size, size];
const type = tensorType('float32', shape);
const product = await compile(({ a, b }) => ({ c: matmul(a, b) }), { a: type, b: type }, { threads });
const values = (scale: number) =>
  hostArray(
    Float32Array.from({ length: size * size }, (_, index) => Math.sin(scale * index)),
    shape,
  );
const inputs = { a: values(1), b: values(2) };

await timeSteps(given, async () => {
  const { c } = await product.run(inputs);
  return Number(c.data[0]);
});
await product.release();
