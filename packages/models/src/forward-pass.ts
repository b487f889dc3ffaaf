import { causalBias, keep, multiply, range, type Shape, type Tensor, tanh } from '@safetune/tensor';
import type { AttentionBias, BlockContext } from './blocks/block-context.ts';
import type { Module } from './blocks/module.ts';
import { packExamples, unpackExamples } from './blocks/packing.ts';
import { type RotaryTables, rotaryTables } from './blocks/rotary.ts';
import type { RotaryConfig } from './blocks/rotary-config.ts';
import type { Backbone, BlockOptions, ForwardOptions } from './causal-lm.ts';
import { type EmbeddingFunction, type EmbeddingLayer, plainLinear } from './linear.ts';
import type { ModelLayout } from './model-layout.ts';
import { type Precision, traceLinearWeight } from './precision/precision.ts';

/** Where the forward pass takes its tensors from, and how its matrices are held. */
interface ForwardWeights {
  weight(name: string): Tensor;
  readonly precision: Precision;
}

interface BackboneOptions extends Omit<ForwardOptions, 'weight'>, ForwardWeights {
  readonly embedding: EmbeddingFunction;
  readonly embeddingLayer: EmbeddingLayer;
}

/** Everything but the output layer, of tokens [batch, seq]. */
export function traceBackbone(tokenIds: Tensor, layout: ModelLayout, options: BackboneOptions): Backbone {
  const { hidden = (state: Tensor) => state } = options;
  const arrangeBlock = options.block ?? ((trace, state) => trace(state));
  const context = blockContext(tokenIds.shape, options);
  let state = hidden(traceEmbedding(tokenIds, layout, options), 0);
  const states = [state];
  layout.blocks.forEach((block: Module, index) => {
    state = hidden(
      arrangeBlock((before) => block.trace(before, context), state),
      index + 1,
    );
    states.push(state);
  });
  return { output: layout.finalNorm.trace(state, context), states };
}

/** The embeddings [batch, seq, hidden] of tokens [batch, seq], scaled where the family scales them. */
export function traceEmbedding(
  tokenIds: Tensor,
  { embedding: { name, scale = 1 } }: ModelLayout,
  { weight, embedding, embeddingLayer }: Pick<BackboneOptions, 'weight' | 'embedding' | 'embeddingLayer'>,
): Tensor {
  const rows = embedding(tokenIds, embeddingLayer, weight(name));
  return scale === 1 ? rows : multiply(rows, scale);
}

/** Logits; what divides them divides the far fewer hidden features instead. */
export function traceHead(
  hidden: Tensor,
  { head: { divisor = 1, softCap } }: ModelLayout,
  linear: (x: Tensor) => Tensor,
): Tensor {
  const factor = 1 / (divisor * (softCap ?? 1));
  const logits = linear(factor === 1 ? hidden : multiply(hidden, factor));
  return softCap === undefined ? logits : multiply(tanh(logits), softCap);
}

/** What the modules of a forward pass over [batch, seq, ...] share. */
export function blockContext(
  shape: Shape,
  options: Omit<BlockOptions, 'weight'> & ForwardWeights,
): BlockContext {
  const { weight, precision, linear = plainLinear, packed } = options;
  const [batch, length] = packed?.packedPlaces.shape ?? shape;
  const { positions, bias, attend } = options.attention ?? { positions: range(length!) };
  const causal: AttentionBias = (window) => causalBias(length!, window);
  return {
    weight,
    linear: (x, place) =>
      keep(
        linear(x, place, {
          ...traceLinearWeight(`${place.name}.weight`, precision, weight),
          ...(place.bias ? { bias: weight(`${place.name}.bias`) } : {}),
        }),
      ),
    rotary: remembering((config: RotaryConfig): RotaryTables => rotaryTables(positions, batch!, config)),
    bias: remembering(bias ?? causal),
    attend,
    attentionBlocks: options.attentionBlocks ?? 1,
    sequences: (x) => (packed === undefined ? x : unpackExamples(x, packed)),
    joined: (x) => (packed === undefined ? x : packExamples(x, packed)),
  };
}

/** Computes what a function gives for an argument once: all layers that need it share one tensor. */
function remembering<Argument, Result>(fn: (argument: Argument) => Result): (argument: Argument) => Result;
function remembering<Argument, Result>(fn: (argument?: Argument) => Result): (argument?: Argument) => Result;
function remembering<Argument, Result>(fn: (argument: Argument) => Result) {
  const known = new Map<Argument, Result>();
  return (argument: Argument) => {
    const result = known.get(argument) ?? fn(argument);
    known.set(argument, result);
    return result;
  };
}
