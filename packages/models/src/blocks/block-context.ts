import type { Tensor } from '@safetune/tensor';
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
  /** Keys and values to attend to, given a layer's new ones; see {@link AttentionContext}. */
  readonly extend: ExtendKeyValues | undefined;
  /** Blocks of heads that attention is computed in. */
  readonly attentionBlocks: number;
}

/** A layer's keys and values, both [batch, keyValueHeads, keys, headSize], keys already rotated. */
export interface KeyValues {
  readonly key: Tensor;
  readonly value: Tensor;
}

/** Given the keys and values of a layer's new tokens: those to attend to. */
export type ExtendKeyValues = (layer: number, fresh: KeyValues) => KeyValues;
