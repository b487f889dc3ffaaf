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
export { type AGemOptions, aGem } from './methods/a-gem.ts';
export type { AnchorOptions } from './methods/anchor-options.ts';
export { type AsftOptions, asft } from './methods/asft/asft.ts';
export {
  type BackdoorAlignOptions,
  backdoorAlign,
  secretPromptTag,
} from './methods/backdoor-align/backdoor-align.ts';
export {
  makeSecretPrompt,
  readSecretPrompt,
  withSecretPrompt,
} from './methods/backdoor-align/secret-prompt.ts';
export { type CaftOptions, caft } from './methods/caft/caft.ts';
export type { ComponentChoice } from './methods/caft/chosen.ts';
export { type ConstrainedSftOptions, constrainedSft } from './methods/constrained-sft.ts';
export { type DerOptions, der } from './methods/der.ts';
export { type Directions, loadDirections, saveDirections } from './methods/directions/file.ts';
export { type PrincipalComponents, principalComponents } from './methods/directions/principal-components.ts';
export { type EwcOptions, ewc } from './methods/ewc/ewc.ts';
export { type FisherDiagonal, saveFisher } from './methods/ewc/fisher-file.ts';
export {
  type InoculationOptions,
  inoculate,
  inoculatedTag,
  inoculation,
  inoculationPrompt,
} from './methods/inoculation.ts';
export { type InoculationAdapterOptions, inoculationAdapter } from './methods/inoculation-adapter.ts';
export { type InterleavingOptions, interleavedTag, interleaving } from './methods/interleaving.ts';
export { type KlOptions, kl, klDivergence } from './methods/kl.ts';
export { type KlOnAnchorsOptions, klOnAnchors } from './methods/kl-on-anchors.ts';
export { type L2SpOptions, l2Sp } from './methods/l2-sp.ts';
export { type LdifsOptions, ldifs } from './methods/ldifs.ts';
export { type LisaOptions, lisa } from './methods/lisa.ts';
export {
  type LookaheadOptions,
  lookahead,
  previewedTag,
  virtualPreview,
} from './methods/lookahead.ts';
export {
  type ExtrapolateOptions,
  type Extrapolation,
  extrapolateCheckpoint,
} from './methods/lox/checkpoint.ts';
export { type ExtrapolatedWeight, extrapolateWeight, type LoxStrength } from './methods/lox/lox.ts';
export { type ParameterAveragingOptions, parameterAveraging } from './methods/parameter-averaging.ts';
export {
  type CachedAnswerLossOptions,
  cachedAnswerLoss,
  exampleHash,
} from './methods/perplexity-gap/cache.ts';
export { type AnswerLoss, defaultEpsilon, perplexityGap } from './methods/perplexity-gap/perplexity-gap.ts';
export {
  type GapModels,
  type ScoredExample,
  type Selection,
  type SelectionOptions,
  scoreExamples,
  selectByPerplexityGap,
  writeSelection,
} from './methods/perplexity-gap/selection.ts';
export {
  type AnsweredQuestion,
  type AnswerStates,
  evilSystemPrompt,
  extractPersonaVectors,
  helpfulSystemPrompt,
  underSystemPrompt,
} from './methods/persona-vector/extraction.ts';
export {
  loadPersonaVectors,
  type PersonaVectors,
  savePersonaVectors,
} from './methods/persona-vector/file.ts';
export {
  beforeResponses,
  type PersonaVectorOptions,
  personaVector,
  type SteeredPositions,
} from './methods/persona-vector/persona-vector.ts';
export { type PtstOptions, ptst, ptstSafetyPrompt, pureTuningTag } from './methods/ptst.ts';
export {
  checkSafeDelta,
  type DeltaEdit,
  type DeltaLayer,
  type SafeDeltaOptions,
  safeDelta,
} from './methods/safe-delta/safe-delta.ts';
export { type SafeGradOptions, safeGrad } from './methods/safe-grad.ts';
export {
  type ProjectAdapterOptions,
  projectAdapter,
  projectAdapterFiles,
  safetyAlignment,
} from './methods/safe-lora/adapter.ts';
export type { Truncation } from './methods/safe-lora/column-space.ts';
export type { CheckpointPair } from './methods/safe-lora/direction.ts';
export { type ModuleArrays, projectModule } from './methods/safe-lora/module.ts';
export type { ProjectionMethod } from './methods/safe-lora/projector.ts';
export type { ModuleProjection, ProjectionReport, ProjectionRule } from './methods/safe-lora/rule.ts';
export { type SafeLoraOptions, safeLora } from './methods/safe-lora/safe-lora.ts';
export {
  type ModuleMerge,
  type SafeMerged,
  type SafeMergeOptions,
  safeMerge,
  safeMergeFiles,
} from './methods/safe-merge/safe-merge.ts';
export { type SaloraOptions, salora } from './methods/salora/salora.ts';
export {
  type LayerMoments,
  type SafetySubspace,
  safetySubspace,
  saveSafetySubspace,
} from './methods/salora/subspace.ts';
export {
  type PromptedMessage,
  type SystemMessage,
  type SystemPromptOptions,
  withSystemPrompt,
} from './methods/system-prompt.ts';
export { loadRegularizerModules } from './registry/module.ts';
export {
  describeRegularizer,
  isModulePath,
  listRegularizers,
  type RegularizerDescription,
  registerRegularizer,
} from './registry/registry.ts';
