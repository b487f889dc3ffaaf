import { availableParallelism, cpus } from 'node:os';
import type { AdapterRunOptions } from '@safetune/trainer';
import { integerOption } from './option-values.ts';

/** On what a model runs, and with how much of it. */
export type RuntimeOptions = NonNullable<AdapterRunOptions['runtime']>;

/** The options of every command that runs a model: on what, and with how much of it. */
export const runtimeOptionDefinitions = {
  'execution-provider': {
    type: 'string',
    valueHint: 'NAME',
    description:
      'what of ONNX Runtime runs the model: cpu (default, the only one tested), webgpu, cuda, dml or coreml',
  },
  threads: { type: 'string', valueHint: 'N', description: 'CPU threads (default: all cores)' },
} as const;

/** What was given, for whoever compiles: compiling refuses a provider that is not there. @throws UsageError */
export function runtimeOptions(args: {
  readonly 'execution-provider'?: string | undefined;
  readonly threads?: string | undefined;
}): RuntimeOptions {
  const provider = args['execution-provider'];
  const threads = integerOption('threads', args.threads, 1, mostThreads());
  return {
    ...(provider === undefined
      ? {}
      : { executionProvider: provider as NonNullable<RuntimeOptions['executionProvider']> }),
    ...(threads === undefined ? {} : { threads }),
  };
}

/** More threads than the machine has processors only wait for each other; thousands of them never get a step done. */
function mostThreads(): number {
  return Math.max(availableParallelism(), cpus().length);
}
