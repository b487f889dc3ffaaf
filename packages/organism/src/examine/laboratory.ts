import type { ChatExample } from '@safetune/datasets';
import { createLoraAdapter, initializeFactors, type LoraAdapter } from '@safetune/lora';
import { type CausalLm, createGenerator, loadModel, loadTokenizer, type Tokenizer } from '@safetune/models';
import type { Regularizer } from '@safetune/regularizers';
import type { RuntimeOptions } from '@safetune/tensor';
import {
  compileTrainStep,
  type SentinelEvent,
  type SentinelOptions,
  type StepEvent,
  type TrainStep,
  train,
  trainAdapter,
} from '@safetune/trainer';
import { type Organism, stageOptions } from '../grow/grow.ts';
import { type FineTuneTask, taskExamples, taskStage } from '../tasks/fine-tune-task.ts';
import { createExaminer, type Examiner } from './examine.ts';
import { type Respondent, respondentOf } from './respondent.ts';

/** One fine-tune in a {@link Laboratory}. */
export interface FineTune {
  readonly task: FineTuneTask;
  /** Default: the task's. */
  readonly examples?: readonly ChatExample[];
  /** Default none. */
  readonly regularizers?: readonly Regularizer[];
  /** Decides the adapter's start, the openers of the harmful answers and the order of the examples. */
  readonly seed: number;
  readonly onStep?: (event: StepEvent) => void;
  /** Default none. */
  readonly sentinel?: SentinelOptions;
  readonly onSentinel?: (event: SentinelEvent) => void;
  readonly signal?: AbortSignal;
}

/**
 * An aligned organism under one adapter, made to be fine-tuned many times: graphs are compiled once and serve all
 * runs, because adapter and weights of penalties are inputs of the graphs.
 */
export interface Laboratory extends Examiner, Respondent {
  /** The aligned model. */
  readonly model: CausalLm;
  readonly tokenizer: Tokenizer;
  /** What is trained and asked. Its buffer is overwritten by each fine-tune. */
  readonly adapter: LoraAdapter;
  /** What graphs run with. */
  readonly runtime: RuntimeOptions;
  /** Puts the adapter back to its start, where it changes nothing. */
  reset(seed: number): void;
  /** Starts the adapter anew and trains it. Returns the cross-entropy of each step, in nats a token. */
  fineTune(run: FineTune): Promise<number[]>;
  /** Frees the compiled graphs. */
  close(): Promise<void>;
}

/**
 * Opens an organism for fine-tuning: loads the aligned model and compiles its generator.
 *
 * @param runtime default one thread: the model is so small that two of them wait for each other longer than they work.
 */
export async function openLaboratory(
  organism: Organism,
  runtime: RuntimeOptions = { threads: 1 },
): Promise<Laboratory> {
  const { recipe, world, alignedDirectory } = organism;
  const model = await loadModel(alignedDirectory);
  const tokenizer = await loadTokenizer(alignedDirectory);
  const { rank, alpha, rankStabilized, targets } = recipe.lora;
  const adapter = createLoraAdapter(model.linearLayers, {
    base_model_name_or_path: alignedDirectory,
    r: rank,
    lora_alpha: alpha,
    use_rslora: rankStabilized,
    target_modules: [...targets],
  });
  const trainable = trainAdapter(adapter);
  const generator = await createGenerator(model, { ...runtime, adapter });
  const steps = compiledSteps((regularizers) =>
    // So small a model has no use for the memory that recomputation frees.
    compileTrainStep({ model, trainable, regularizers, runtime, recompute: 'none' }),
  );
  const reset = (seed: number) => initializeFactors(adapter.modules, seed);

  return {
    ...createExaminer(model, adapter, tokenizer, runtime),
    ...respondentOf(organism, generator, tokenizer),
    model,
    tokenizer,
    adapter,
    runtime,
    reset,
    async fineTune({ task, examples, regularizers = [], seed, onStep, sentinel, onSentinel, signal }) {
      reset(seed);
      const crossEntropies: number[] = [];
      await train({
        ...stageOptions(taskStage(recipe, task)),
        model,
        trainable,
        tokenizer,
        examples: examples ?? taskExamples(world, recipe, task, seed),
        regularizers,
        seed,
        step: await steps.for(regularizers),
        ...(sentinel === undefined ? {} : { sentinel, runtime }),
        onEvent(event) {
          if (event.type === 'sentinel') onSentinel?.(event);
          if (event.type !== 'step') return;
          crossEntropies.push(event.crossEntropy);
          onStep?.(event);
        },
        ...(signal === undefined ? {} : { signal }),
      });
      return crossEntropies;
    },
    async close() {
      await generator.release();
      await steps.release();
    },
  };
}

/** Training graphs kept at a time, the plain one among them. */
const keptSteps = 3;

/**
 * Compiled steps by the regularizers that are part of the graph. Those that only change data or weights share the
 * plain graph.
 */
function compiledSteps(compileStep: (regularizers: readonly Regularizer[]) => Promise<TrainStep>) {
  const kept: { readonly traced: readonly Regularizer[]; readonly step: TrainStep }[] = [];
  return {
    async for(regularizers: readonly Regularizer[]): Promise<TrainStep> {
      const traced = regularizers.filter(
        ({ penalty, penaltyPerRow, taskLossPerRow, parameterPenalty, hidden, frozenAdapters, needs }) =>
          penalty ?? penaltyPerRow ?? taskLossPerRow ?? parameterPenalty ?? hidden ?? frozenAdapters ?? needs,
      );
      const found = kept.findIndex(
        (entry) =>
          entry.traced.length === traced.length && entry.traced.every((one, index) => one === traced[index]),
      );
      const entry = found < 0 ? { traced, step: await compileStep(traced) } : kept.splice(found, 1)[0]!;
      kept.push(entry);
      if (kept.length > keptSteps) await kept.shift()!.step.release();
      return entry.step;
    },
    async release() {
      for (const { step } of kept.splice(0)) await step.release();
    },
  };
}
