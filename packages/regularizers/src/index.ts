export { parseRegularizer, regularizerFromConfig } from './config.ts';
export { MissingNeedError, RegularizerOptionError } from './errors.ts';
export { type KlOptions, kl, klDivergence } from './kl.ts';
export { type LayerSelection, resolveLayers } from './layers.ts';
export { maskedMean } from './masked-mean.ts';
export type { ForwardOutputs, Regularizer, RegularizerConfig, RegularizerNeeds, TracedBatch } from './regularizer.ts';
export { type WeightSchedule, weightAt } from './weight-schedule.ts';
