import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { evaluate, signatureOf } from '../__fixtures__/evaluate.ts';
import { relativeError } from '../__fixtures__/finite-differences.ts';
import { numbersOf } from '../__fixtures__/random-array.ts';
import { gradients } from '../grad.ts';
import type { HostArray } from '../host-array.ts';
import { findTensor, openSafetensors, readTensor } from '../safetensors/read.ts';
import type { Tensor } from '../tensor.ts';
import { attention, causalBias } from './attention.ts';
import { crossEntropy } from './cross-entropy.ts';
import * as elementwise from './elementwise.ts';
import * as indexing from './indexing.ts';
import { matmul } from './linalg.ts';
import * as nn from './nn.ts';
import * as reduce from './reduce.ts';
import * as shape from './shape.ts';
import { swiglu } from './swiglu.ts';

/** Values and gradients of PyTorch (conformance/make_operations.py) for single operations. */
interface GoldenCase {
  readonly case: string;
  readonly operation: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly inputs: readonly string[];
  readonly output: string;
  readonly cotangent: string;
  /** By input; null where none exists. */
  readonly gradients: readonly (string | null)[];
}

type Mapping = (inputs: readonly Tensor[], attributes: never) => Tensor;
type Unary = (x: Tensor) => Tensor;
type Binary = (a: Tensor, b: Tensor) => Tensor;

const unary =
  (operation: Unary): Mapping =>
  ([x]) =>
    operation(x!);
const binary =
  (operation: Binary): Mapping =>
  ([a, b]) =>
    operation(a!, b!);
const reduction =
  (operation: typeof reduce.sum): Mapping =>
  ([x], options: reduce.ReduceOptions) =>
    operation(x!, options);
const alongAxis =
  (operation: (x: Tensor, axis: number) => Tensor): Mapping =>
  ([x], { axis }: { axis: number }) =>
    operation(x!, axis);

interface AttentionAttributes {
  readonly causal: boolean;
  readonly window?: number;
  readonly softCap?: number;
  readonly scale?: number;
}

interface Slices {
  readonly starts: readonly number[];
  readonly ends: readonly number[];
  readonly steps: readonly number[];
}

/** Every `step`th element of an axis: padded to whole steps, then the first of each. */
function everyStep(x: Tensor, axis: number, step: number): Tensor {
  const extent = x.shape[axis] as number;
  const padded = shape.pad(x, axis, 0, (step - (extent % step)) % step);
  const steps = (padded.shape[axis] as number) / step;
  const rest = [x.shape.slice(0, axis), x.shape.slice(axis + 1)] as const;
  const grouped = shape.reshape(padded, [...rest[0], steps, step, ...rest[1]]);
  return shape.reshape(shape.slice(grouped, axis + 1, 0, 1), [...rest[0], steps, ...rest[1]]);
}

const mappings: Readonly<Record<string, Mapping>> = {
  add: binary(elementwise.add),
  subtract: binary(elementwise.subtract),
  multiply: binary(elementwise.multiply),
  divide: binary(elementwise.divide),
  maximum: binary(elementwise.maximum),
  power: ([x], { exponent }: { exponent: number }) => elementwise.power(x!, exponent),
  negate: unary(elementwise.negate),
  exp: unary(elementwise.exp),
  log: unary(elementwise.log),
  sqrt: unary(elementwise.sqrt),
  reciprocal: unary(elementwise.reciprocal),
  tanh: unary(elementwise.tanh),
  sigmoid: unary(elementwise.sigmoid),
  softplus: unary(elementwise.softplus),
  sin: unary(elementwise.sin),
  cos: unary(elementwise.cos),
  erf: unary(elementwise.erf),
  relu: unary(elementwise.relu),
  abs: unary(elementwise.abs),
  silu: unary(nn.silu),
  gelu: unary(nn.gelu),
  geluTanh: unary(nn.geluTanh),
  where: ([condition, a, b]) => elementwise.where(condition!, a!, b!),
  sum: reduction(reduce.sum),
  mean: reduction(reduce.mean),
  max: reduction(reduce.max),
  l2Norm: ([x], options: reduce.ReduceOptions) =>
    elementwise.sqrt(reduce.sum(elementwise.square(x!), options)),
  matmul: ([a, b], options: object) => matmul(a!, b!, options),
  reshape: ([x], attributes: { shape: number[] }) => shape.reshape(x!, attributes.shape),
  transpose: ([x], { permutation }: { permutation: number[] }) => shape.transpose(x!, permutation),
  slice: ([x], { starts, ends, steps }: Slices) =>
    starts.reduce(
      (part, start, axis) => everyStep(shape.slice(part, axis, start, ends[axis]), axis, steps[axis]!),
      x!,
    ),
  concatenate: (inputs, { axis }: { axis: number }) => shape.concatenate(inputs, axis),
  broadcastTo: ([x], attributes: { shape: number[] }) => reduce.broadcastTo(x!, attributes.shape),
  gather: ([table, indices]) => indexing.gather(table!, indices!),
  takeAlong: ([x, indices], { axis }: { axis: number }) => indexing.takeAlong(x!, indices!, axis),
  addAlong: ([x, updates, indices], { axis }: { axis: number }) =>
    indexing.addAlong(x!, updates!, indices!, axis),
  softmax: alongAxis(nn.softmax),
  logSoftmax: alongAxis(nn.logSoftmax),
  crossEntropy: ([logits, labels]) => crossEntropy(logits!, labels!),
  rmsNorm: ([x, weight], { epsilon }: { epsilon: number }) => nn.rmsNorm(x!, weight!, epsilon),
  layerNorm: ([x, weight, bias], { epsilon }: { epsilon: number }) =>
    nn.layerNorm(x!, weight!, bias!, epsilon),
  swiglu: ([gate, up]) => swiglu(gate!, up!),
  rotary: ([x, cosine, sine]) => nn.rotary(x!, cosine!, sine!),
  attention: ([query, key, value], { causal, window, softCap, scale }: AttentionAttributes) =>
    attention(query!, key!, value!, {
      ...(causal ? { bias: causalBias(query!.shape[2]!, window) } : {}),
      ...(softCap === undefined ? {} : { softCap }),
      ...(scale === undefined ? {} : { scale }),
    }),
};

const folder = fileURLToPath(new URL('../../../../conformance/goldens/', import.meta.url));
const cases = JSON.parse(readFileSync(`${folder}operations.json`, 'utf8')) as GoldenCase[];
const file = await openSafetensors(`${folder}operations.safetensors`);

const stored = (name: string) => readTensor(findTensor(file, name));

describe('PyTorch goldens', () => {
  it('are there', () => {
    expect(cases.length).toBeGreaterThan(100);
  });

  it.each(cases)('$case', async (golden) => {
    const mapping = mappings[golden.operation];
    expect(mapping, `no mapping for the golden operation '${golden.operation}'`).toBeDefined();
    const inputs: Record<string, HostArray> = { cotangent: await stored(golden.cotangent) };
    for (const [index, name] of golden.inputs.entries()) {
      inputs[`input.${index}`] = await stored(name);
    }
    const types = golden.inputs.map((name, index) => [`input.${index}`, findTensor(file, name)] as const);
    const signature = { ...signatureOf(inputs), ...Object.fromEntries(types) };
    const found = await evaluate(
      (tensors) => {
        const operands = golden.inputs.map((_, index) => tensors[`input.${index}`]!);
        const output = mapping!(operands, golden.attributes as never);
        const scalar = reduce.sum(elementwise.multiply(output, tensors.cotangent!));
        const wanted = operands.filter((_, index) => golden.gradients[index] !== null);
        const found = gradients(scalar, wanted);
        return {
          output,
          ...Object.fromEntries(found.map((gradient, index) => [`gradient.${index}`, gradient])),
        };
      },
      inputs,
      signature,
    );

    const expected = await stored(golden.output);
    expect(found.output.shape).toEqual(expected.shape);
    expect(relativeError(numbersOf(found.output), numbersOf(expected))).toBeLessThan(1e-4);
    const wanted = golden.gradients.filter((name) => name !== null);
    for (const [index, name] of wanted.entries()) {
      const expectedGradient = await stored(name);
      const gradient = (found as Record<string, HostArray>)[`gradient.${index}`]!;
      expect(gradient.shape).toEqual(expectedGradient.shape);
      expect(relativeError(numbersOf(gradient), numbersOf(expectedGradient)), name).toBeLessThan(1e-4);
    }
  });
});
