import type { InferenceSession, Tensor, TypedTensor } from 'onnxruntime-node';
import type { ModelConfig } from '../../config.ts';

/** What both onnxruntime-node and onnxruntime-web have. */
export interface OnnxRuntime {
  readonly Tensor: new (
    type: 'int64' | 'float32',
    data: BigInt64Array | Float32Array,
    dims: readonly number[],
  ) => unknown;
}

export type Session = Pick<InferenceSession, 'run' | 'inputNames' | 'outputNames'>;

export interface Step {
  readonly tokens: readonly (readonly number[])[];
  /** Of past and new tokens. */
  readonly mask: readonly (readonly number[])[];
  readonly positions: readonly (readonly number[])[];
  /** Outputs of the step before; default none. */
  readonly before?: Readonly<Record<string, Tensor>>;
}

/** Runs an exported model as its users do: tensors by the names that Optimum gives them. */
export async function runStep(
  runtime: OnnxRuntime,
  session: Session,
  { keyValueHeadCount, headSize, layerCount }: ModelConfig,
  { tokens, mask, positions, before }: Step,
): Promise<Readonly<Record<string, Tensor>>> {
  const integers = (rows: readonly (readonly number[])[]) =>
    new runtime.Tensor('int64', BigInt64Array.from(rows.flat(), BigInt), [rows.length, rows[0]!.length]);
  const empty = new runtime.Tensor('float32', new Float32Array(), [
    tokens.length,
    keyValueHeadCount,
    0,
    headSize,
  ]);
  const past = Array.from({ length: layerCount }, (_, layer) =>
    ['key', 'value'].map((part) => [
      `past_key_values.${layer}.${part}`,
      before?.[`present.${layer}.${part}`] ?? empty,
    ]),
  );
  return session.run({
    input_ids: integers(tokens),
    attention_mask: integers(mask),
    position_ids: integers(positions),
    ...Object.fromEntries(past.flat()),
  } as Record<string, Tensor>);
}

/** Logits of a step, by row and position. */
export function logitsOf(
  outputs: Readonly<Record<string, Tensor>>,
): (row: number, position: number) => Float32Array {
  const { data, dims } = outputs.logits as TypedTensor<'float32'>;
  const [, length, vocabulary] = dims as [number, number, number];
  return (row, position) => {
    const start = (row * length + position) * vocabulary;
    return data.slice(start, start + vocabulary);
  };
}

export function largestDifference(one: Float32Array, other: Float32Array): number {
  return one.reduce((largest, value, index) => Math.max(largest, Math.abs(value - other[index]!)), 0);
}
