export { type AdamWOptions, type AdamWState, adamWStep, clipByNorm, createAdamWState } from './adamw.ts';
export { type BatchStreamOptions, type TrainingExamples, trainingBatches } from './batches.ts';
export { NonFiniteLossError, TrainingCheckpointError, TrainOptionError } from './errors.ts';
export { type LearningRateOptions, learningRateSchedule } from './learning-rate.ts';
export type { StepEvent, TrainEvent } from './progress.ts';
export { type AdapterRunOptions, trainIntoDirectory } from './run-directory.ts';
export { type TrainOptions, type TrainResult, train } from './train.ts';
export { compileTrainStep, type LossTerms, type TrainStep, type TrainStepOptions } from './train-step.ts';
export { type Trainable, trainAdapter, trainAllWeights } from './trainable.ts';
