import { swiglu, type Tensor } from '@safetune/tensor';
import type { BlockLayout } from '../families/layout.ts';
import type { BlockContext } from './block-context.ts';

/** SwiGLU (Shazeer 2020): down(silu(gate(x)) up(x)); x and the result are [batch, seq, hidden]. */
export function mlp(x: Tensor, layout: BlockLayout, { linear }: Pick<BlockContext, 'linear'>): Tensor {
  return linear(swiglu(linear(x, layout.gate), linear(x, layout.up)), layout.down);
}
