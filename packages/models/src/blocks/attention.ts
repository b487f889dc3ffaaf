import { attention, type Dimension, reshape, type Tensor, transpose } from '@safetune/tensor';
import type { LinearPlace } from '../linear.ts';
import { type Module, tensorsOf } from './module.ts';
import type { QueryKeyValue } from './query-key-value.ts';
import { rotate } from './rotary.ts';
import type { RotaryConfig } from './rotary-config.ts';

/** Options of {@link selfAttention}. */
export interface SelfAttentionOptions {
  /** Index of the block, from 0: keys and values are kept by it. */
  readonly layer: number;
  readonly headCount: number;
  /** Each head of keys and values serves headCount / keyValueHeadCount query heads. */
  readonly keyValueHeadCount: number;
  readonly headSize: number;
  readonly input: QueryKeyValue;
  /** From [batch, seq, headCount * headSize] to the hidden size. */
  readonly output: LinearPlace;
  /** Normalisations of queries and keys before they turn: of every head by itself, or of all heads' features together. */
  readonly norms?: { readonly query: Module; readonly key: Module; readonly over: 'head' | 'heads' };
  /** How queries and keys turn with their position. Default: they do not. */
  readonly rotary?: RotaryConfig | undefined;
  /** Factor on the scores. Default 1 / sqrt(headSize). */
  readonly scale?: number;
  /** Scores s become c tanh(s / c). Default: they do not. */
  readonly softCap?: number | undefined;
  /** Keys that a query sees: its own and those just before it. Default: all up to its own. */
  readonly window?: number | undefined;
}

/** Causal multi-head self-attention with grouped queries; x and the result are [batch, seq, hidden]. */
export function selfAttention(options: SelfAttentionOptions): Module {
  const { layer, headCount, keyValueHeadCount, headSize, input, output, norms } = options;
  const { rotary, scale, softCap, window } = options;
  const scores = {
    ...(scale === undefined ? {} : { scale }),
    ...(softCap === undefined ? {} : { softCap }),
  };
  const used = [input, ...(norms === undefined ? [] : [norms.query, norms.key])];
  return {
    ...tensorsOf([...used, { tensors: [], linears: [output] }]),
    trace(x, context) {
      const projected = input.trace(x, context);
      const heads = (features: Tensor, count: number, norm?: Module) => {
        const whole = norm === undefined || norms!.over === 'head' ? features : norm.trace(features, context);
        const split = splitHeads(context.sequences(whole), count, headSize);
        return transpose(
          norm === undefined || norms!.over === 'heads' ? split : norm.trace(split, context),
          [0, 2, 1, 3],
        );
      };
      const turned = (states: Tensor) =>
        rotary === undefined ? states : rotate(states, context.rotary(rotary));
      const query = turned(heads(projected.query, headCount, norms?.query));
      const fresh = {
        key: turned(heads(projected.key, keyValueHeadCount, norms?.key)),
        value: heads(projected.value, keyValueHeadCount),
      };
      const attended =
        context.attend === undefined
          ? attention(query, fresh.key, fresh.value, {
              bias: context.bias(window),
              blocks: context.attentionBlocks,
              ...scores,
            })
          : context.attend(layer, query, fresh, { ...scores, ...(window === undefined ? {} : { window }) });
      return context.linear(context.joined(joinHeads(attended)), output);
    },
  };
}

/** [batch, seq, heads * headSize] to [batch, seq, heads, headSize] */
function splitHeads(x: Tensor, heads: number, headSize: number): Tensor {
  const [batch, length] = x.shape as [Dimension, Dimension];
  return reshape(x, [batch, length, heads, headSize]);
}

/** [batch, heads, seq, headSize] to [batch, seq, heads * headSize] */
function joinHeads(x: Tensor): Tensor {
  const [batch, heads, length, headSize] = x.shape as [Dimension, number, Dimension, number];
  return reshape(transpose(x, [0, 2, 1, 3]), [batch, length, heads * headSize]);
}
