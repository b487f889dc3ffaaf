export {
  type CreateLoraAdapterOptions,
  copyLoraAdapter,
  createLoraAdapter,
  type LoraAdapter,
} from './adapter/adapter.ts';
export { requireEveryModuleFits } from './adapter/fit.ts';
export { initializeFactors } from './adapter/initialize.ts';
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
} from './adapter/linear.ts';
export type { LoraModule } from './adapter/module.ts';
export {
  allProjections,
  type LoraConfig,
  loraConfig,
  parsePeftConfig,
  requireTrainable,
} from './config/config.ts';
export { requireEveryPatternMatches, type TargetModule, targetModules } from './config/target-modules.ts';
export * from './errors.ts';
export {
  adapterConfigFile,
  adapterWeightsFile,
  type LoadLoraAdapterOptions,
  loadLoraAdapter,
  type SaveLoraAdapterOptions,
  saveLoraAdapter,
} from './files/peft-files.ts';
export { effectiveRank, type ModuleSpectrum, moduleSpectrum, stableRank } from './inspect/spectrum.ts';
export { mergedWeight, weightUpdate } from './merge/merge.ts';
export { type MergeOptions, mergedTensors, writeMergedCheckpoint } from './merge/merge-checkpoint.ts';
export {
  type CheckpointRewrite,
  type CheckpointType,
  rewriteCheckpoint,
} from './merge/rewrite-checkpoint.ts';
