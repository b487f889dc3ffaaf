import {
  compile,
  type Executable,
  flattenLeading,
  gather,
  multiply,
  type RuntimeOptions,
  range,
  subtract,
  type Tensor,
  tensorType,
} from '@safetune/tensor';
import type { CausalLm, ForwardOptions } from '../causal-lm.ts';
import type { LinearAdapter } from '../linear.ts';
import { cacheCarry, cacheSignature, traceCache } from './cache.ts';

/**
 * Compiles the step of generation, which takes prompts and single tokens alike: inputs `tokenIds` [batch, seq],
 * `padding` [batch] and the cache, outputs `logits` [batch, vocabulary] of the last position and the longer cache.
 */
export async function compileGenerator(
  model: CausalLm,
  adapter: LinearAdapter | undefined,
  hidden: ForwardOptions['hidden'],
  runtime: RuntimeOptions,
): Promise<Executable> {
  const adapterTypes = Object.entries(adapter?.tensors ?? {}).map(
    ([name, { shape }]) => [name, tensorType('float32', shape)] as const,
  );
  const signature = {
    tokenIds: tensorType('int64', ['batch', 'seq']),
    padding: tensorType('int64', ['batch']),
    ...cacheSignature(model.config),
    ...Object.fromEntries(adapterTypes),
  };
  return compile(
    (inputs: Readonly<Record<string, Tensor>>) => {
      const { attention, next } = traceCache(inputs, inputs.padding!);
      const { output } = model.forward(inputs.tokenIds!, {
        attention,
        ...(hidden === undefined ? {} : { hidden }),
        ...(adapter === undefined ? {} : { linear: adapter.linear(inputs) }),
      });
      return { logits: model.head(lastPositions(output)), ...next };
    },
    signature,
    { ...runtime, carry: cacheCarry(model.config) },
  );
}

/** [batch, seq, hidden] to [batch, hidden]: only the last position's logits are wanted. */
function lastPositions(output: Tensor): Tensor {
  const length = range(1, 'seq');
  const rows = subtract(multiply(range('batch', 1), length), 1);
  return gather(flattenLeading(output), rows);
}
