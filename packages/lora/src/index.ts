export {
  type CreateLoraAdapterOptions,
  copyLoraAdapter,
  createLoraAdapter,
  type LoraAdapter,
} from './adapter/adapter.ts';
export { createLoraAdapterFor } from './adapter/create-for-model.ts';
export { requireAdapterFits, requireEveryModuleFits } from './adapter/fit.ts';
export type { ForwardUse, LoraForward } from './adapter/forward.ts';
export { initializeFactors } from './adapter/initialize.ts';
export {
  baseLinear,
  type EmbeddingFunction,
  type EmbeddingLayer,
  type LinearAdapter,
  type LinearFunction,
  type LinearLayer,
  type LinearWeights,
  type LowRankUpdate,
  lowRankLinear,
  type WeightFunction,
} from './adapter/linear.ts';
export { linearUpdates } from './adapter/linear-updates.ts';
export type { AdaptableModel } from './adapter/model.ts';
export type {
  EmbeddingModule,
  Factors,
  LoraModule,
  ReplacedTensor,
  TokenEmbeddings,
} from './adapter/module.ts';
export { plainAdapter } from './adapter/plain.ts';
export { type RandomStream, randomStream } from './adapter/random-stream.ts';
export { nameOfA, nameOfB } from './adapter/tensor-names.ts';
export {
  type CombinationType,
  type CombineOptions,
  combinationTypes,
  combineLoraAdapters,
  type WeightedAdapter,
} from './combine/combine.ts';
export { type AdapterStack, stackLoraAdapters } from './combine/stack.ts';
export {
  allProjections,
  type LoraConfig,
  loraConfig,
  loraConfigSchema,
  parsePeftConfig,
} from './config/config.ts';
export type { Initialization } from './config/initialization.ts';
export { requireEveryPatternMatches, type TargetModule, targetModules } from './config/target-modules.ts';
export {
  type DropoutDraw,
  type DropoutExtents,
  drawDropout,
  dropoutSignature,
} from './dropout/draws.ts';
export * from './errors.ts';
export {
  adapterConfigFile,
  adapterWeightsFile,
  type LoadLoraAdapterOptions,
  loadLoraAdapter,
  type SaveLoraAdapterOptions,
  saveLoraAdapter,
} from './files/peft-files.ts';
export { type ParameterReport, parameterReport, parameterText } from './inspect/parameters.ts';
export { effectiveRank, type ModuleSpectrum, moduleSpectrum, stableRank } from './inspect/spectrum.ts';
export { type ChangeOptions, writeChangedCheckpoint } from './merge/changed-checkpoint.ts';
export { mergedTable, mergedWeight, unmergedWeight, weightUpdate } from './merge/merge.ts';
export { type MergeOptions, mergedTensors, writeMergedCheckpoint } from './merge/merge-checkpoint.ts';
export {
  type CheckpointRewrite,
  type CheckpointType,
  rewriteCheckpoint,
} from './merge/rewrite-checkpoint.ts';
export { requireChangeable, type WeightChange, weightChanges } from './merge/weight-changes.ts';
