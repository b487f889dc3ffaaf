import type { CachedAttentionOptions, KeysAndValues, Tensor } from '@safetune/tensor';
import type { ModelConfig } from '../config.ts';
import type { LinearPlace } from '../families/layout.ts';
import type { RotaryTables } from './rotary.ts';

/** What every block of one traced forward pass shares. */
export interface BlockContext {
  readonly config: ModelConfig;
  /** A tensor of the checkpoint by name. */
  weight(name: string): Tensor;
  /** A linear layer, adapted or plain: x [..., in] to [..., out]. */
  linear(x: Tensor, place: LinearPlace): Tensor;
  readonly rotary: RotaryTables;
  /** Additive bias on attention scores, broadcast to [batch, keyValueHeads, group, queries, keys]. */
  readonly bias: Tensor;
  /** Attends otherwise than to the new tokens alone; see {@link AttentionContext}. */
  readonly attend: Attend | undefined;
  /** Blocks of heads that attention is computed in. */
  readonly attentionBlocks: number;
}

/**
 * Attention of a layer's new queries [batch, heads, seq, headSize], given the new keys and values [batch, keyValueHeads,
 * seq, headSize], queries and keys already rotated: [batch, heads, seq, headSize]. Layers count from 0.
 */
export type Attend = (
  layer: number,
  query: Tensor,
  fresh: KeysAndValues,
  options: CachedAttentionOptions,
) => Tensor;
