import {
  attention,
  concatenate,
  greater,
  greaterOrEqual,
  lessOrEqual,
  logicalAnd,
  range,
  reshape,
  subtract,
  type Tensor,
  type TensorType,
  tensorType,
  where,
} from '@safetune/tensor';
import type { CausalLm } from '../causal-lm.ts';
import type { ModelConfig } from '../config.ts';

/** Extents of the graph's inputs, by Optimum's names. */
const [batch, sequence, past] = ['batch_size', 'sequence_length', 'past_sequence_length'];
const total = `${past}+${sequence}`;

function pastNames(layer: number) {
  return { key: `past_key_values.${layer}.key`, value: `past_key_values.${layer}.value` };
}

/** Types of the exported graph's inputs. */
export function onnxSignature(config: ModelConfig): Readonly<Record<string, TensorType>> {
  const cache = tensorType('float32', [batch, config.keyValueHeadCount, past, config.headSize]);
  const layers = Array.from({ length: config.layerCount }, (_, layer) => pastNames(layer));
  return {
    input_ids: tensorType('int64', [batch, sequence]),
    attention_mask: tensorType('int64', [batch, total]),
    position_ids: tensorType('int64', [batch, sequence]),
    ...Object.fromEntries(
      layers.flatMap(({ key, value }) => [[key, cache] as const, [value, cache] as const]),
    ),
  };
}

/** Traces a step over the inputs of {@link onnxSignature}: logits of all positions, and the longer cache. */
export function traceOnnxStep(
  model: CausalLm,
  inputs: Readonly<Record<string, Tensor>>,
): Readonly<Record<string, Tensor>> {
  const present: Record<string, Tensor> = {};
  const biases = new Map<number | undefined, Tensor>();
  const { output } = model.forward(inputs.input_ids!, {
    attention: {
      positions: inputs.position_ids!,
      attend: (layer, query, fresh, { window, ...scores }) => {
        const names = pastNames(layer);
        const key = concatenate([inputs[names.key]!, fresh.key], 2);
        const value = concatenate([inputs[names.value]!, fresh.value], 2);
        present[`present.${layer}.key`] = key;
        present[`present.${layer}.value`] = value;
        const bias = biases.get(window) ?? visibleBias(inputs.attention_mask!, window);
        biases.set(window, bias);
        return attention(query, key, value, { bias, ...scores });
      },
    },
  });
  return { logits: model.head(output), ...present };
}

/**
 * 0 where a key is neither masked nor after the query nor out of its window, else -1e9: [batch, 1, 1, sequence, past +
 * sequence].
 */
function visibleBias(mask: Tensor, window: number | undefined): Tensor {
  const keys = range(total);
  const queries = reshape(range(sequence, past), [sequence, 1]);
  const causal = lessOrEqual(keys, queries);
  const near = window === undefined ? causal : logicalAnd(causal, greater(keys, subtract(queries, window)));
  const real = greaterOrEqual(reshape(mask, [batch, 1, 1, 1, total]), 1);
  return where(logicalAnd(near, real), 0, -1e9);
}
