export { parseRegularizer, regularizerFromConfig } from './config.ts';
export { declaredOutputs } from './declared-outputs.ts';
export { MissingNeedError, PenaltyInputError, RegularizerOptionError } from './errors.ts';
export { type KlOptions, kl, klDivergence } from './kl.ts';
export { type LayerSelection, resolveLayers } from './layers.ts';
export { type LdifsOptions, ldifs } from './ldifs.ts';
export { maskedMean } from './masked-mean.ts';
export {
  type CompiledPenalty,
  type CompilePenaltyOptions,
  compilePenalty,
  evaluateOnHostArrays,
  type HostOutputs,
  type PenaltyResult,
  type PlainArray,
} from './on-host-arrays.ts';
export type { PenaltyExtents, PenaltyField } from './penalty-inputs.ts';
export type { ForwardOutputs, Regularizer, RegularizerConfig, RegularizerNeeds, TracedBatch } from './regularizer.ts';
export { type WeightSchedule, weightAt } from './weight-schedule.ts';
