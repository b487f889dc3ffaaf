export { parseRegularizer, regularizerFromConfig } from './config.ts';
export { declaredOutputs } from './declared-outputs.ts';
export {
  AnswerLossError,
  MissingNeedError,
  PenaltyInputError,
  PersonaVectorError,
  RegularizerOptionError,
  SafetyDirectionError,
  type SafetyDirectionProblem,
  ScoreFileError,
} from './errors.ts';
export {
  type InoculationOptions,
  inoculate,
  inoculatedTag,
  inoculation,
  inoculationPrompt,
} from './inoculation.ts';
export { type InterleavingOptions, interleavedTag, interleaving } from './interleaving.ts';
export { type KlOptions, kl, klDivergence } from './kl.ts';
export { type LayerSelection, resolveLayers } from './layers.ts';
export { type LdifsOptions, ldifs } from './ldifs.ts';
export { maskedMean } from './masked-mean.ts';
export { named } from './named.ts';
export {
  type CompiledPenalty,
  type CompilePenaltyOptions,
  compilePenalty,
  evaluateOnHostArrays,
  type HostOutputs,
  type PenaltyResult,
} from './on-host-arrays.ts';
export type { PenaltyExtents, PenaltyField } from './penalty-inputs.ts';
export { type AnswerLoss, defaultEpsilon, perplexityGap } from './perplexity-gap.ts';
export { type CachedAnswerLossOptions, cachedAnswerLoss, exampleHash } from './perplexity-gap-cache.ts';
export { defaultRefusalWords, isRefusal } from './perplexity-gap-refusals.ts';
export {
  type GapModels,
  type ScoredExample,
  type Selection,
  type SelectionOptions,
  scoreExamples,
  selectByPerplexityGap,
  writeSelection,
} from './perplexity-gap-selection.ts';
export {
  beforeResponses,
  type PersonaVectorOptions,
  personaVector,
  type SteeredPositions,
} from './persona-vector.ts';
export {
  type AnsweredQuestion,
  type AnswerStates,
  evilSystemPrompt,
  extractPersonaVectors,
  helpfulSystemPrompt,
  underSystemPrompt,
} from './persona-vector-extraction.ts';
export { loadPersonaVectors, type PersonaVectors, savePersonaVectors } from './persona-vector-file.ts';
export type { PlainArray } from './plain-array.ts';
export type {
  ForwardOutputs,
  Regularizer,
  RegularizerConfig,
  RegularizerNeeds,
  RowPenalty,
  TracedBatch,
} from './regularizer.ts';
export { type SafeLoraOptions, safeLora } from './safe-lora.ts';
export {
  type ProjectAdapterOptions,
  projectAdapter,
  projectAdapterFiles,
  safetyAlignment,
} from './safe-lora-adapter.ts';
export type { Truncation } from './safe-lora-column-space.ts';
export type { CheckpointPair } from './safe-lora-direction.ts';
export { type ModuleArrays, projectModule } from './safe-lora-module.ts';
export type { ProjectionMethod } from './safe-lora-projector.ts';
export type { ModuleProjection, ProjectionReport, ProjectionRule } from './safe-lora-rule.ts';
export { type WeightSchedule, weightAt } from './weight-schedule.ts';
