export {
  type AdamWOptions,
  type AdamWState,
  adamWStep,
  clipByNorm,
  createAdamWState,
  type LearningRateOptions,
  learningRateSchedule,
  type ParameterGroup,
  parameterGroups,
  type ScheduleFunction,
} from '@safetune/optimizers';
export { type AnswerLossModel, createAnswerLoss } from './answers/answer-loss.ts';
export { type AnswerStatesOptions, createAnswerStates } from './answers/answer-states.ts';
export { type EstimateFisherOptions, estimateFisher } from './answers/estimate-fisher.ts';
export {
  type ExtractDirectionsOptions,
  type ExtractedDirections,
  extractDirections,
  type FoundComponent,
} from './answers/extract-directions.ts';
export {
  type ExtractedPersonaVector,
  type ExtractPersonaVectorOptions,
  extractPersonaVector,
} from './answers/extract-persona-vector.ts';
export {
  type ExtractSafetySubspaceOptions,
  extractSafetySubspace,
} from './answers/extract-safety-subspace.ts';
export type { ForwardBatchOptions } from './answers/forward-batches.ts';
export { createPersonaProjection, type PersonaProjectionOptions } from './answers/persona-projection.ts';
export { type SelectSafeExamplesOptions, selectSafeExamples } from './answers/select-safe-examples.ts';
export {
  answerTokenStates,
  type TokenStates,
  type TokenStatesOptions,
} from './answers/token-states.ts';
export {
  type ModuleDelta,
  type WriteSafeDeltaOptions,
  writeSafeDelta,
} from './answers/write-safe-delta.ts';
export { type BatchStreamOptions, type TrainingExamples, trainingBatches } from './data/batches.ts';
export type { PackingChoice } from './data/choose-packing.ts';
export {
  InsufficientMemoryError,
  NonFiniteLossError,
  NonFiniteStateError,
  RunDirectoryError,
  type RunDirectoryProblem,
  SentinelError,
  SentinelFileError,
  TrainingCheckpointError,
  TrainOptionError,
} from './errors.ts';
export { eventLog } from './events/event-log.ts';
export { type Scalars, scalarsOf } from './events/scalars.ts';
export { tensorboard } from './events/tensorboard.ts';
export { compileLayeredStep, type LayeredStepOptions } from './layered-step/layered-step.ts';
export type { MemoryMode } from './memory/memory-mode.ts';
export type { ObjectiveConfig } from './objectives/config.ts';
export { type MemoryPlan, type Plan, type PlanOptions, type PrecisionComparison, plan } from './plan/plan.ts';
export type { BatchShape, MemoryEstimate } from './plan/plan-estimate.ts';
export type { Evaluation, EvaluationEvent, EvaluationOptions } from './run/evaluation.ts';
export {
  type InferencePrompt,
  inferencePromptOf,
  readInferencePrompt,
  saveInferencePrompt,
} from './run/inference-prompt.ts';
export type { StepEvent, TrainEvent } from './run/progress.ts';
export type { RunControl } from './run/run-control.ts';
export { type AdapterRunOptions, trainIntoDirectory } from './run/run-directory.ts';
export { saveTrainedModel } from './run/save-trained-model.ts';
export type { RunEnd } from './run/step-observer.ts';
export { train } from './run/train.ts';
export type { TrainingCheckpoint, TrainOptions, TrainResult } from './run/train-options.ts';
export * from './run-file/index.ts';
export { type AnswerPair, readAnswerPairs } from './sentinel/answer-pairs.ts';
export type { Breach, SentinelAction } from './sentinel/bounds.ts';
export { builtInPairs } from './sentinel/built-in-pairs.ts';
export { plainProbes, type SentinelConfig, sentinelFromConfig } from './sentinel/config.ts';
export type { Measurement, OpenProbe, Probe, ProbeBounds, ProbeSubject } from './sentinel/probe.ts';
export { type KlProbeOptions, klProbe } from './sentinel/probes/kl-probe.ts';
export { type LogOddsProbeOptions, logOddsProbe } from './sentinel/probes/log-odds-probe.ts';
export { type PersonaProbeOptions, personaProbe } from './sentinel/probes/persona-probe.ts';
export { type RulesProbeOptions, rulesProbe } from './sentinel/probes/rules-probe.ts';
export { readPrompts, readRules } from './sentinel/rules.ts';
export type { SentinelEvent, SentinelReading } from './sentinel/sentinel-event.ts';
export type { SentinelOptions } from './sentinel/sentinel-options.ts';
export { type FrozenParts, openFrozenParts } from './step/frozen-parts.ts';
export type { LossTerms, TrainStep, TrainStepOptions } from './step/train-step.ts';
export { type AllWeightsOptions, type Trainable, trainAdapter, trainAllWeights } from './step/trainable.ts';
export { compileTrainStep } from './whole-step/whole-step.ts';
export * from './worker/index.ts';
