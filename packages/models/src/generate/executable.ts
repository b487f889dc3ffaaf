import {
  add,
  compile,
  type Executable,
  flattenLeading,
  gather,
  multiply,
  type RuntimeOptions,
  range,
  type Tensor,
  tensorType,
} from '@safetune/tensor';
import type { CausalLm, ForwardOptions } from '../causal-lm.ts';
import type { LinearAdapter } from '../linear.ts';
import { cacheSignature, traceCache } from './cache.ts';

/**
 * Compiles the step of generation, which takes prompts and single tokens alike: inputs `tokenIds` [batch, seq], `used`
 * [batch] (slots of the cache that hold a token), `last` [batch] (index of each row's last token that is no padding) and
 * the cache, outputs `logits` [batch, vocabulary] that follow these tokens, and the extended cache.
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
    used: tensorType('int64', ['batch']),
    last: tensorType('int64', ['batch']),
    ...cacheSignature(model.config),
    ...Object.fromEntries(adapterTypes),
  };
  return compile(
    (inputs: Readonly<Record<string, Tensor>>) => {
      const { attention, extended } = traceCache(inputs, inputs.used!);
      const { output } = model.forward(inputs.tokenIds!, {
        attention,
        ...(hidden === undefined ? {} : { hidden }),
        ...(adapter === undefined ? {} : { linear: adapter.linear(inputs) }),
      });
      return { logits: model.head(rowsAt(output, inputs.last!)), ...extended };
    },
    signature,
    runtime,
  );
}

/** [batch, seq, hidden] to [batch, hidden]: one position of each row. */
function rowsAt(output: Tensor, index: Tensor): Tensor {
  const starts = multiply(range('batch'), range(1, 'seq'));
  return gather(flattenLeading(output), add(starts, index));
}
