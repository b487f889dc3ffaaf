export {
  type AdamWOptions,
  type AdamWState,
  adamWStep,
  checkAdamW,
  createAdamWState,
  type ParameterGroup,
} from './adamw.ts';
export { clipByNorm } from './clip-by-norm.ts';
export { OptimizerOptionError } from './errors.ts';
export { type LearningRateOptions, learningRateSchedule, type ScheduleFunction } from './learning-rate.ts';
export { type FlatParameters, parameterGroups } from './parameter-groups.ts';
