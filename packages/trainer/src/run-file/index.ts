export { type RunOption, runOptions } from './command-line.ts';
export { RunChangedError, RunFileError, type RunProblem } from './errors.ts';
export { type FileForm, snakeCase } from './file-form.ts';
export { type JsonSchema, jsonSchemaOf, runJsonSchema } from './json-schema.ts';
export { type OpenedRun, type OpenRunOptions, openRun, runtimeOf, trainingOptions } from './open-run.ts';
export { type PlacedProblem, problemsOf } from './problems.ts';
export { type GivenValue, type ReadRunOptions, type RunSource, readRun } from './read-run.ts';
export { regularizerConfigOf } from './regularizer-configs.ts';
export { runFileName, runSchemaAddress } from './resolved-run.ts';
export { type RunDocument, readRunDocument } from './run-document.ts';
export { withPaths } from './run-paths.ts';
export type { RunRecord } from './run-record.ts';
export { type Run, type RunInput, runSchema } from './run-schema.ts';
export { type TrainRunOptions, trainRun } from './train-run.ts';
export {
  elsewhereTolerance,
  type MetricDifference,
  type Verification,
  type VerifyRunOptions,
  verifyRun,
} from './verify-run.ts';
