/** What a family is made of, for those that come from outside: `@safetune/models/families`. */
export type { Activation } from '../blocks/activations.ts';
export { type SelfAttentionOptions, selfAttention } from '../blocks/attention.ts';
export type { BlockContext } from '../blocks/block-context.ts';
export { parallel, residual, sequence } from '../blocks/compose.ts';
export {
  type FusedGatedMlpOptions,
  fusedGatedMlp,
  type GatedMlpOptions,
  gatedMlp,
  type PlainMlpOptions,
  plainMlp,
} from '../blocks/mlp.ts';
export type { Module, ModuleTensors, TensorPlace } from '../blocks/module.ts';
export { layerNorm, type RmsNormOptions, rmsNorm } from '../blocks/norm.ts';
export {
  fusedQueryKeyValue,
  interleavedQueryKeyValue,
  type QueryKeyValue,
  separateQueryKeyValue,
} from '../blocks/query-key-value.ts';
export type { RotaryTables } from '../blocks/rotary.ts';
export type { RotaryConfig } from '../blocks/rotary-config.ts';
export type { LinearPlace } from '../linear.ts';
export {
  architectureConfig,
  count,
  type DecoderFields,
  type DecoderSizes,
  decoderConfig,
  decoderSchema,
  type LayerFacts,
  readActivation,
} from './decoder-fields.ts';
export { defineFamily, type FamilyDefinition } from './define-family.ts';
export { knownModelTypes, registerFamily } from './families.ts';
export type {
  Architecture,
  ArchitectureConfig,
  EmbeddingLayout,
  Family,
  HeadLayout,
} from './family.ts';
export { type IsSliding, requireFullAttention, slidingLayers, windowsByLayer } from './layer-types.ts';
export {
  type LlamaAttentionOptions,
  type LlamaBlockParts,
  type LlamaParts,
  type LlamaPartsOptions,
  llamaParts,
} from './llama-parts.ts';
export { postNormBlock, preNormBlock, sandwichNormBlock } from './norm-placement.ts';
export { type RotaryOptions, readRotaryConfig } from './rotary-fields.ts';
