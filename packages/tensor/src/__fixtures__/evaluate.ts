import { compile, type Signature, tensorType } from '../compile.ts';
import { dataTypeOf, type HostArray } from '../host-array.ts';
import type { Tensor } from '../tensor.ts';

/** Types of host arrays, as a signature. */
export function signatureOf(inputs: Readonly<Record<string, HostArray>>): Signature {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, { data, shape }]) => [name, tensorType(dataTypeOf(data), shape)]),
  );
}

/** Traces, compiles, runs and releases a function in one call. */
export async function evaluate<Outputs extends Readonly<Record<string, Tensor>>>(
  fn: (inputs: Readonly<Record<string, Tensor>>) => Outputs,
  inputs: Readonly<Record<string, HostArray>> = {},
  signature: Signature = signatureOf(inputs),
): Promise<{ [Name in keyof Outputs]: HostArray }> {
  const executable = await compile(fn, signature);
  try {
    return (await executable.run(inputs)) as { [Name in keyof Outputs]: HostArray };
  } finally {
    await executable.release();
  }
}

/** {@link evaluate} for a function with one output. */
export async function evaluateOne(
  fn: (inputs: Readonly<Record<string, Tensor>>) => Tensor,
  inputs: Readonly<Record<string, HostArray>> = {},
  signature: Signature = signatureOf(inputs),
): Promise<HostArray> {
  return (await evaluate((tensors) => ({ result: fn(tensors) }), inputs, signature)).result;
}
