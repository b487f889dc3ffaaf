export { type RunOption, runOptions } from './command-line.ts';
export { RunFileError, type RunProblem } from './errors.ts';
export { runJsonSchema } from './json-schema.ts';
export { type OpenedRun, type OpenRunOptions, openRun, runtimeOf, trainingOptions } from './open-run.ts';
export { type GivenValue, type ReadRunOptions, type RunSource, readRun } from './read-run.ts';
export { type Run, type RunInput, runSchema } from './run-schema.ts';
