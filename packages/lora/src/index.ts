export {
  type CreateLoraAdapterOptions,
  copyLoraAdapter,
  createLoraAdapter,
  type LoraAdapter,
} from './adapter.ts';
export { allProjections, type LoraConfig, loraConfig, parsePeftConfig, requireTrainable } from './config.ts';
export * from './errors.ts';
export { requireEveryModuleFits } from './fit.ts';
export { initializeFactors } from './initialize.ts';
export {
  baseLinear,
  type LinearAdapter,
  type LinearFunction,
  type LinearLayer,
  type LinearWeights,
  type LowRankUpdate,
  lowRankLinear,
  nameOfA,
  nameOfB,
} from './linear.ts';
export { mergedWeight, weightUpdate } from './merge.ts';
export { type MergeOptions, writeMergedCheckpoint } from './merge-checkpoint.ts';
export type { LoraModule } from './module.ts';
export {
  adapterConfigFile,
  adapterWeightsFile,
  type LoadLoraAdapterOptions,
  loadLoraAdapter,
  type SaveLoraAdapterOptions,
  saveLoraAdapter,
} from './peft-files.ts';
export { type CheckpointRewrite, rewriteCheckpoint } from './rewrite-checkpoint.ts';
export { effectiveRank, type ModuleSpectrum, moduleSpectrum, stableRank } from './spectrum.ts';
export { requireEveryPatternMatches, type TargetModule, targetModules } from './target-modules.ts';
