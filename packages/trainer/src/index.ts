export { type AdamWOptions, type AdamWState, adamWStep, clipByNorm, createAdamWState } from './adamw.ts';
export { type AnswerLossModel, createAnswerLoss } from './answer-loss.ts';
export { type AnswerStatesOptions, createAnswerStates } from './answer-states.ts';
export { type BatchStreamOptions, type TrainingExamples, trainingBatches } from './batches.ts';
export {
  InsufficientMemoryError,
  NonFiniteLossError,
  TrainingCheckpointError,
  TrainOptionError,
} from './errors.ts';
export {
  type ExtractedPersonaVector,
  type ExtractPersonaVectorOptions,
  extractPersonaVector,
} from './extract-persona-vector.ts';
export type { ForwardBatchOptions } from './forward-batches.ts';
export { compileLayeredStep, type LayeredStepOptions } from './layered-step.ts';
export { type LearningRateOptions, learningRateSchedule } from './learning-rate.ts';
export { type MemoryPlan, type Plan, type PlanOptions, type PrecisionComparison, plan } from './plan.ts';
export type { BatchShape, MemoryEstimate, MemoryMode } from './plan-estimate.ts';
export type { StepEvent, TrainEvent } from './progress.ts';
export { type AdapterRunOptions, trainIntoDirectory } from './run-directory.ts';
export { saveTrainedModel } from './save-trained-model.ts';
export { type SelectSafeExamplesOptions, selectSafeExamples } from './select-safe-examples.ts';
export { type TrainOptions, type TrainResult, train } from './train.ts';
export { compileTrainStep, type LossTerms, type TrainStep, type TrainStepOptions } from './train-step.ts';
export { type AllWeightsOptions, type Trainable, trainAdapter, trainAllWeights } from './trainable.ts';
export * from './worker/index.ts';
