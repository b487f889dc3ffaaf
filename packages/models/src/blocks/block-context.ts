import type { CachedAttentionOptions, KeysAndValues, Tensor } from '@safetune/tensor';
import type { LinearPlace } from '../linear.ts';
import type { RotaryTables } from './rotary.ts';
import type { RotaryConfig } from './rotary-config.ts';

/** What every module of one traced forward pass shares. */
export interface BlockContext {
  /** A tensor of the checkpoint by name. */
  weight(name: string): Tensor;
  /** A linear layer, adapted or plain: x [..., in] to [..., out]. */
  linear(x: Tensor, place: LinearPlace): Tensor;
  /** The angles that queries and keys of this pass turn by. */
  rotary(config: RotaryConfig): RotaryTables;
  /** What attention sees; see {@link AttentionBias}. */
  readonly bias: AttentionBias;
  /** Attends otherwise than to the new tokens alone; see `AttentionContext`. */
  readonly attend: Attend | undefined;
  /** Blocks of heads that attention is computed in. */
  readonly attentionBlocks: number;
  /** Features [batch, seq, ...] with a row for each sequence, as attention takes them: those of a packed row are parted. */
  sequences(x: Tensor): Tensor;
  /** Back from {@link sequences}. */
  joined(x: Tensor): Tensor;
}

/**
 * The bias added to attention scores, broadcast to [batch, keyValueHeads, group, queries, keys]: 0 for the keys that a query
 * sees, about -1e9 for others. With a `window`, a query sees at most so many keys: its own and those just before it.
 */
export type AttentionBias = (window?: number) => Tensor;

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
