import type { Activation } from '../blocks/activations.ts';
import { type SelfAttentionOptions, selfAttention } from '../blocks/attention.ts';
import { gatedMlp } from '../blocks/mlp.ts';
import type { Module } from '../blocks/module.ts';
import { rmsNorm } from '../blocks/norm.ts';
import { separateQueryKeyValue } from '../blocks/query-key-value.ts';
import type { LinearPlace } from '../linear.ts';
import type { DecoderSizes } from './decoder-fields.ts';
import type { Architecture } from './family.ts';

/** What a family says of its attention; sizes and names are those of Llama's checkpoints. */
export interface LlamaAttentionOptions
  extends Pick<SelfAttentionOptions, 'norms' | 'rotary' | 'scale' | 'softCap' | 'window'> {
  /** Biases of q_proj, k_proj and v_proj. Default: none. */
  readonly inputBias?: boolean;
  /** Bias of o_proj. Default: none. */
  readonly outputBias?: boolean;
}

/** The parts of one block. */
export interface LlamaBlockParts {
  /** A linear layer of the block, `model.layers.<layer>.<name>`. */
  linear(name: string, inFeatures: number, outFeatures: number, bias?: boolean): LinearPlace;
  /** RMS normalisation by `model.layers.<layer>.<name>.weight`. `size` is the hidden size by default. */
  norm(name: string, size?: number): Module;
  attention(options: LlamaAttentionOptions): Module;
  mlp(options: { readonly activation: Activation; readonly bias?: boolean }): Module;
}

/** The parts of models whose checkpoints name tensors as Llama's do, which most families keep. */
export interface LlamaParts {
  /** Embedding, final norm and output layer. */
  readonly ends: Pick<Architecture, 'embedding' | 'finalNorm' | 'head'>;
  block(layer: number): LlamaBlockParts;
}

/** Options of {@link llamaParts}. */
export interface LlamaPartsOptions {
  /** Epsilon of the normalisations. */
  readonly epsilon: number;
  /** Added to the weights of the normalisations. Default 0. */
  readonly offset?: number;
}

/** The parts of a model of such sizes. */
export function llamaParts(config: DecoderSizes, options: LlamaPartsOptions): LlamaParts {
  const { hiddenSize, intermediateSize, headCount, keyValueHeadCount, headSize } = config;
  return {
    ends: {
      embedding: { name: 'model.embed_tokens.weight' },
      finalNorm: rmsNorm('model.norm', { size: hiddenSize, ...options }),
      head: { name: 'lm_head.weight' },
    },
    block(layer) {
      const inBlock = (name: string) => `model.layers.${layer}.${name}`;
      const linear: LlamaBlockParts['linear'] = (name, inFeatures, outFeatures, bias = false) => ({
        name: inBlock(name),
        inFeatures,
        outFeatures,
        bias,
      });
      return {
        linear,
        norm: (name, size = hiddenSize) => rmsNorm(inBlock(name), { size, ...options }),
        attention({ inputBias, outputBias, ...rest }) {
          const attentionSize = headCount * headSize;
          const keyValueSize = keyValueHeadCount * headSize;
          return selfAttention({
            layer,
            headCount,
            keyValueHeadCount,
            headSize,
            input: separateQueryKeyValue(
              linear('self_attn.q_proj', hiddenSize, attentionSize, inputBias),
              linear('self_attn.k_proj', hiddenSize, keyValueSize, inputBias),
              linear('self_attn.v_proj', hiddenSize, keyValueSize, inputBias),
            ),
            output: linear('self_attn.o_proj', attentionSize, hiddenSize, outputBias),
            ...rest,
          });
        },
        mlp: ({ activation, bias }) =>
          gatedMlp({
            gate: linear('mlp.gate_proj', hiddenSize, intermediateSize, bias),
            up: linear('mlp.up_proj', hiddenSize, intermediateSize, bias),
            down: linear('mlp.down_proj', intermediateSize, hiddenSize, bias),
            activation,
          }),
      };
    },
  };
}
