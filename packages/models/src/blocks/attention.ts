import { attention, type Dimension, reshape, rotary, type Tensor, transpose } from '@safetune/tensor';
import type { BlockLayout } from '../families/layout.ts';
import type { BlockContext } from './block-context.ts';

/** Multi-head self-attention with rotary positions and grouped queries; x and the result are [batch, seq, hidden]. */
export function selfAttention(x: Tensor, layer: number, layout: BlockLayout, context: BlockContext): Tensor {
  const { linear, config, bias, attend, attentionBlocks: blocks } = context;
  const { cosine, sine } = context.rotary;
  const { headCount, keyValueHeadCount, headSize } = config;
  const query = rotary(splitHeads(linear(x, layout.query), headCount, headSize), cosine, sine);
  const fresh = {
    key: rotary(splitHeads(linear(x, layout.key), keyValueHeadCount, headSize), cosine, sine),
    value: splitHeads(linear(x, layout.value), keyValueHeadCount, headSize),
  };
  const attended =
    attend === undefined
      ? attention(query, fresh.key, fresh.value, { bias, blocks })
      : attend(layer, query, fresh, {});
  return linear(joinHeads(attended), layout.output);
}

/** [batch, seq, heads * headSize] to [batch, heads, seq, headSize] */
function splitHeads(x: Tensor, heads: number, headSize: number): Tensor {
  const [batch, length] = x.shape as [Dimension, Dimension];
  return transpose(reshape(x, [batch, length, heads, headSize]), [0, 2, 1, 3]);
}

/** [batch, heads, seq, headSize] to [batch, seq, heads * headSize] */
function joinHeads(x: Tensor): Tensor {
  const [batch, heads, length, headSize] = x.shape as [Dimension, number, Dimension, number];
  return reshape(transpose(x, [0, 2, 1, 3]), [batch, length, heads * headSize]);
}
