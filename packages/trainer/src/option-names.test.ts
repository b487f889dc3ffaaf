import { createLoraAdapter } from '@safetune/lora';
import { loadModel } from '@safetune/models';
import type { AdamWOptions, LearningRateOptions } from '@safetune/optimizers';
import type { RuntimeOptions } from '@safetune/tensor';
import { describe, expect, it } from 'vitest';
import { checkpoint, setUp } from './__fixtures__/small-run.ts';
import { TrainOptionError } from './errors.ts';
import type { LayeredStepOptions } from './layered-step/layered-step.ts';
import {
  checkpointNames,
  compileNames,
  directoryRunNames,
  evaluationNames,
  learningRateNames,
  optimizerNames,
  planNames,
  runtimeNames,
  sentinelNames,
  trainNames,
  workerGeneratorNames,
  workerRunNames,
} from './option-names.ts';
import { type PlanOptions, plan } from './plan/plan.ts';
import type { EvaluationOptions } from './run/evaluation.ts';
import { type AdapterRunOptions, trainIntoDirectory } from './run/run-directory.ts';
import { train } from './run/train.ts';
import type { TrainingCheckpoint, TrainOptions } from './run/train-options.ts';
import type { SentinelOptions } from './sentinel/sentinel-options.ts';
import type { TrainStepOptions } from './step/train-step.ts';
import { trainAdapter } from './step/trainable.ts';
import { compileTrainStep } from './whole-step/whole-step.ts';
import { createGeneratorInWorker, type WorkerGeneratorOptions } from './worker/generator-in-worker.ts';
import { trainIntoDirectoryInWorker, type WorkerRunOptions } from './worker/train-in-worker.ts';

type Names<Options> = Readonly<Record<keyof Required<Options>, true>>;
// The compiler's part of the test: every option of each type is in the list, and nothing else is.
const lists = [
  trainNames satisfies Names<TrainOptions>,
  directoryRunNames satisfies Names<AdapterRunOptions>,
  workerRunNames satisfies Names<WorkerRunOptions>,
  workerGeneratorNames satisfies Names<WorkerGeneratorOptions>,
  planNames satisfies Names<TrainOptions & Omit<PlanOptions, 'weights'>>,
  compileNames satisfies Names<TrainOptions & TrainStepOptions & LayeredStepOptions>,
  learningRateNames satisfies Names<LearningRateOptions>,
  optimizerNames satisfies Names<AdamWOptions>,
  runtimeNames satisfies Names<RuntimeOptions>,
  checkpointNames satisfies Names<TrainingCheckpoint>,
  evaluationNames satisfies Names<EvaluationOptions>,
  sentinelNames satisfies Names<SentinelOptions>,
];

it('knows every name of the types', () => expect(lists).toHaveLength(12));

describe('a misspelt option', () => {
  const refused = async (call: () => unknown, message: string) => {
    const error = await Promise.resolve()
      .then(call)
      .catch((thrown: unknown) => thrown);
    expect(TrainOptionError.isInstance(error), String(error)).toBe(true);
    expect(String(error)).toContain(message);
  };

  it('is refused by name in every function, before anything is done', async () => {
    const { adapter, options } = await setUp();
    const trainable = trainAdapter(adapter);
    const directory = '/dev/null/none';
    await refused(
      () => train({ ...options, trainable, gradientAcumulation: 2 } as TrainOptions),
      "train: there is no option 'gradientAcumulation'. Did you mean 'gradientAccumulation'?",
    );
    await refused(
      () => train({ ...options, trainable, learningRate: { peek: 1 } } as TrainOptions),
      "learningRate: there is no option 'peek'. Did you mean 'peak'?",
    );
    await refused(
      () => trainIntoDirectory({ ...options, adapter, directory, regulariser: [] } as AdapterRunOptions),
      "Did you mean 'regularizers'?",
    );
    await refused(
      () => compileTrainStep({ ...options, trainable, runtme: {} } as TrainStepOptions),
      "Did you mean 'runtime'?",
    );
    const batch = { size: 1, length: 8 };
    await refused(
      () => plan({ model: options.model, trainable, batch, memorylimit: 1 } as PlanOptions),
      "Did you mean 'memoryLimit'?",
    );
    const worker = { model: checkpoint, adapter: { config: {} }, examples: [], directory };
    await refused(
      () => trainIntoDirectoryInWorker({ ...worker, optimiser: {} } as WorkerRunOptions),
      "Did you mean 'optimizer'?",
    );
    await refused(
      () => createGeneratorInWorker({ model: checkpoint, lora: '' } as WorkerGeneratorOptions),
      "there is no option 'lora'",
    );
  });
});

it.each([
  ['batchSize', 1e9],
  ['gradientAccumulation', 1e12],
] as const)('refuses %s of %d, which no memory holds', async (option, value) => {
  const model = await loadModel(checkpoint);
  const trainable = trainAdapter(
    createLoraAdapter(model.linearLayers, { r: 2, target_modules: 'all-linear' }),
  );
  const { options } = await setUp();
  await expect(train({ ...options, trainable, [option]: value })).rejects.toThrow(
    `${option}: ${value} is more than 65536, the most that is allowed`,
  );
});
