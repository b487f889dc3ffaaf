export { defaultRefusalWords, isRefusal } from '@safetune/datasets';
export {
  parseRegularizer,
  regularizerConfigSchema,
  regularizerFromConfig,
  withoutFolders,
} from './config.ts';
export {
  AnswerLossError,
  DirectionsError,
  FisherError,
  MissingNeedError,
  PenaltyInputError,
  PersonaVectorError,
  RegularizerModuleError,
  RegularizerOptionError,
  SafeDeltaError,
  SafetyDirectionError,
  type SafetyDirectionProblem,
  SafetySubspaceError,
  ScoreFileError,
} from './errors.ts';
export type { TermGradients } from './host-arrays/compiled-term.ts';
export type { HostOutputs } from './host-arrays/host-outputs.ts';
export {
  type CompiledPenalty,
  type CompilePenaltyOptions,
  compilePenalty,
  evaluateOnHostArrays,
  type PenaltyResult,
} from './host-arrays/on-host-arrays.ts';
export { type HostParameters, type ModuleFactors, parametersOf } from './host-arrays/parameter-inputs.ts';
export {
  type CompiledParameterPenalty,
  type CompileParameterPenaltyOptions,
  compileParameterPenalty,
  estimateParameterPenalty,
  type ParameterPenaltyResult,
} from './host-arrays/parameter-penalty.ts';
export type { PenaltyExtents, PenaltyField } from './host-arrays/penalty-inputs.ts';
export type { PlainArray } from './host-arrays/plain-array.ts';
export { type BatchRows, rowsOf, type TokenBatch } from './host-arrays/rows-of.ts';
export { type CompiledTaskLoss, compileTaskLoss, type TaskLossResult } from './host-arrays/task-loss.ts';
export { callAdapterHook } from './interface/adapter-hooks.ts';
export { type Anchors, loadAnchors } from './interface/anchors.ts';
export { checkRegularizer } from './interface/check-regularizer.ts';
export { withChangedPaths } from './interface/config-paths.ts';
export { declaredOutputs } from './interface/declared-outputs.ts';
export { openFrozenAdapters } from './interface/frozen-adapters.ts';
export type { GradientContext } from './interface/gradient-context.ts';
export { changedGradient } from './interface/gradient-hook.ts';
export type { OptionIssue, OptionSchema, RegularizerKind } from './interface/kind.ts';
export { type LayerSelection, resolveLayers } from './interface/layers.ts';
export { maskedMean } from './interface/masked-mean.ts';
export { named, withoutPenalty } from './interface/named.ts';
export type {
  ParameterContext,
  TracedFactors,
  TracedModule,
  TracedParameters,
} from './interface/parameters.ts';
export { type PenaltyWeights, penaltyWeights } from './interface/penalty-weights.ts';
export { type Reference, referenceName } from './interface/reference.ts';
export type {
  ContentsContext,
  ExamplesContext,
  ForwardOutputs,
  FrozenAdaptersContext,
  Regularizer,
  RegularizerConfig,
  RegularizerNeeds,
  RowPenalty,
  TracedBatch,
} from './interface/regularizer.ts';
export type { RegularizerState } from './interface/state.ts';
export { tracedEdit, tracedPenalty, tracedRowPenalty, tracedTaskLoss } from './interface/traced.ts';
export {
  type AdaptiveWeight,
  adaptedWeight,
  type WeightSchedule,
  weightAt,
} from './interface/weight-schedule.ts';
export { type AGemOptions, aGem } from './methods/anchored/a-gem.ts';
export type { AnchorOptions } from './methods/anchored/anchor-options.ts';
export { type DerOptions, der } from './methods/anchored/der.ts';
export { type KlOnAnchorsOptions, klOnAnchors } from './methods/anchored/kl-on-anchors.ts';
export { type LisaOptions, lisa } from './methods/anchored/lisa.ts';
export { type SafeGradOptions, safeGrad } from './methods/anchored/safe-grad.ts';
export {
  type BackdoorAlignOptions,
  backdoorAlign,
  secretPromptTag,
} from './methods/data/backdoor-align/backdoor-align.ts';
export {
  makeSecretPrompt,
  readSecretPrompt,
  withSecretPrompt,
} from './methods/data/backdoor-align/secret-prompt.ts';
export {
  type InoculationOptions,
  inoculate,
  inoculatedTag,
  inoculation,
  inoculationPrompt,
} from './methods/data/inoculation.ts';
export { type InterleavingOptions, interleavedTag, interleaving } from './methods/data/interleaving.ts';
export {
  type LookaheadOptions,
  lookahead,
  previewedTag,
  virtualPreview,
} from './methods/data/lookahead.ts';
export {
  type CachedAnswerLossOptions,
  cachedAnswerLoss,
  exampleHash,
} from './methods/data/perplexity-gap/cache.ts';
export {
  type AnswerLoss,
  defaultEpsilon,
  perplexityGap,
} from './methods/data/perplexity-gap/perplexity-gap.ts';
export {
  type GapModels,
  type ScoredExample,
  type Selection,
  type SelectionOptions,
  scoreExamples,
  selectByPerplexityGap,
  writeSelection,
} from './methods/data/perplexity-gap/selection.ts';
export { type PtstOptions, ptst, ptstSafetyPrompt, pureTuningTag } from './methods/data/ptst.ts';
export {
  type PromptedMessage,
  type SystemMessage,
  type SystemPromptOptions,
  withSystemPrompt,
} from './methods/data/system-prompt.ts';
export {
  type ExtrapolateOptions,
  type Extrapolation,
  extrapolateCheckpoint,
} from './methods/edits/lox/checkpoint.ts';
export { type ExtrapolatedWeight, extrapolateWeight, type LoxStrength } from './methods/edits/lox/lox.ts';
export {
  checkSafeDelta,
  type DeltaEdit,
  type DeltaLayer,
  type SafeDeltaOptions,
  safeDelta,
} from './methods/edits/safe-delta/safe-delta.ts';
export {
  type ModuleMerge,
  type SafeMerged,
  type SafeMergeOptions,
  safeMerge,
  safeMergeFiles,
} from './methods/edits/safe-merge/safe-merge.ts';
export { type CaftOptions, caft } from './methods/forward/caft/caft.ts';
export type { ComponentChoice } from './methods/forward/caft/chosen.ts';
export { type Directions, loadDirections, saveDirections } from './methods/forward/directions/file.ts';
export {
  type PrincipalComponents,
  principalComponents,
} from './methods/forward/directions/principal-components.ts';
export { type InoculationAdapterOptions, inoculationAdapter } from './methods/forward/inoculation-adapter.ts';
export {
  type AnsweredQuestion,
  type AnswerStates,
  evilSystemPrompt,
  extractPersonaVectors,
  helpfulSystemPrompt,
  underSystemPrompt,
} from './methods/forward/persona-vector/extraction.ts';
export {
  loadPersonaVectors,
  type PersonaVectors,
  savePersonaVectors,
} from './methods/forward/persona-vector/file.ts';
export {
  beforeResponses,
  type PersonaVectorOptions,
  personaVector,
  type SteeredPositions,
} from './methods/forward/persona-vector/persona-vector.ts';
export { type ConstrainedSftOptions, constrainedSft } from './methods/outputs/constrained-sft.ts';
export { type KlOptions, kl, klDivergence } from './methods/outputs/kl.ts';
export { type LdifsOptions, ldifs } from './methods/outputs/ldifs.ts';
export { type AsftOptions, asft } from './methods/weights/asft/asft.ts';
export { type EwcOptions, ewc } from './methods/weights/ewc/ewc.ts';
export { type FisherDiagonal, saveFisher } from './methods/weights/ewc/fisher-file.ts';
export { type L2SpOptions, l2Sp } from './methods/weights/l2-sp.ts';
export { type ParameterAveragingOptions, parameterAveraging } from './methods/weights/parameter-averaging.ts';
export {
  type ProjectAdapterOptions,
  projectAdapter,
  projectAdapterFiles,
  safetyAlignment,
} from './methods/weights/safe-lora/adapter.ts';
export type { Truncation } from './methods/weights/safe-lora/column-space.ts';
export type { CheckpointPair } from './methods/weights/safe-lora/direction.ts';
export { type ModuleArrays, projectModule } from './methods/weights/safe-lora/module.ts';
export type { ProjectionMethod } from './methods/weights/safe-lora/projector.ts';
export type { ModuleProjection, ProjectionReport, ProjectionRule } from './methods/weights/safe-lora/rule.ts';
export { type SafeLoraOptions, safeLora } from './methods/weights/safe-lora/safe-lora.ts';
export { type SaloraOptions, salora } from './methods/weights/salora/salora.ts';
export {
  type LayerMoments,
  type SafetySubspace,
  safetySubspace,
  saveSafetySubspace,
} from './methods/weights/salora/subspace.ts';
export { loadRegularizerModules } from './registry/module.ts';
export {
  describeRegularizer,
  isModulePath,
  listRegularizers,
  type RegularizerDescription,
  registerRegularizer,
} from './registry/registry.ts';
