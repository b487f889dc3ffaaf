import {
  type ChatExample,
  countCopies,
  type DatasetResolver,
  type DatasetSource,
  openDataset,
} from '@safetune/datasets';
import { resolveDataset } from '@safetune/hub';
import { createLoraAdapterFor, type LoraAdapter, type LoraConfig } from '@safetune/lora';
import {
  type CausalLm,
  type LoadModelOptions,
  loadModel,
  loadTokenizer,
  type ResolvedFolder,
  resolveModel,
  type Tokenizer,
} from '@safetune/models';
import { type Regularizer, regularizerFromConfig } from '@safetune/regularizers';
import type { AdapterRunOptions } from '../run/run-directory.ts';
import { sentinelConfigSchema, sentinelFromConfig } from '../sentinel/config.ts';
import type { SentinelOptions } from '../sentinel/sentinel-options.ts';
import { libraryForm } from './file-form.ts';
import type { RunSource } from './read-run.ts';
import { regularizerConfigOf } from './regularizer-configs.ts';
import type { Run } from './run-schema.ts';
import { divided, trainingSettings } from './training-fields.ts';

export interface OpenRunOptions {
  /** Finds what the run's `model` names. Default: `resolveModel`. */
  readonly resolve?: (name: string) => Promise<ResolvedFolder>;
  /** Finds the files of `data` that is no path of this machine. Default: `resolveDataset` of the hub package. */
  readonly resolveData?: DatasetResolver;
  readonly onConversion?: LoadModelOptions['onConversion'];
}

/** What a run names, opened and ready to train. */
export interface OpenedRun {
  readonly source: RunSource;
  readonly folder: ResolvedFolder;
  readonly model: CausalLm;
  readonly tokenizer: Tokenizer;
  readonly adapter: LoraAdapter;
  /** Those that are trained on. */
  readonly examples: readonly ChatExample[];
  /** Those on which only the loss is measured. */
  readonly heldOut: readonly ChatExample[];
  /** How many of these are trained on all the same, since data of their own has examples of the training data. */
  readonly heldOutCopies: number;
  /** The data files in their order, those of the evaluation last. */
  readonly files: readonly string[];
  readonly regularizers: readonly Regularizer[];
  readonly sentinel: SentinelOptions | undefined;
}

/** The data, the model, a new adapter and the safeguards of a run. @throws what opening each of them throws. */
export async function openRun(
  source: RunSource,
  { resolve = resolveModel, resolveData = hubFiles, onConversion }: OpenRunOptions = {},
): Promise<OpenedRun> {
  const { run } = source;
  const regularizers = run.regularizers.map((config) => regularizerFromConfig(regularizerConfigOf(config)));
  const sentinel =
    run.sentinel && (await sentinelFromConfig(libraryForm(sentinelConfigSchema, run.sentinel)));
  const open = (data: Run['data']) =>
    openDataset([data].flat() as (string | DatasetSource)[], { seed: run.seed, resolve: resolveData });
  const dataset = await open(run.data);
  const ofEvaluation = run.evaluation.data === undefined ? undefined : await open(run.evaluation.data);
  const { examples, heldOut } = divided(run, await dataset.load(), await ofEvaluation?.load());
  const folder = await resolve(run.model);
  const tokenizer = await loadTokenizer(folder.path, { templateArguments: run.chat_template_kwargs });
  const model = await loadModel(folder.path, {
    precision: run.precision,
    ...(onConversion === undefined ? {} : { onConversion }),
  });
  const adapter = await createLoraAdapterFor(model, adapterConfig(run, folder), { seed: run.seed });
  const files = [...dataset.files, ...(ofEvaluation?.files ?? [])].map(({ path }) => path);
  const heldOutCopies = ofEvaluation === undefined ? 0 : countCopies(heldOut, examples);
  const data = { examples, heldOut, heldOutCopies, files };
  return { source, folder, model, tokenizer, adapter, ...data, regularizers, sentinel };
}

async function hubFiles(name: string): Promise<readonly string[] | undefined> {
  const { paths, hub } = await resolveDataset(name);
  return hub === undefined ? undefined : paths;
}

function adapterConfig({ adapter }: Run, { hub }: ResolvedFolder): Partial<LoraConfig> {
  const { r, lora_alpha = r === undefined ? undefined : 2 * r, base_model_name_or_path, ...others } = adapter;
  const name = hub?.name ?? base_model_name_or_path;
  const config = { ...others, r, lora_alpha, base_model_name_or_path: name, revision: hub?.commit ?? null };
  return Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined));
}

/** The options of {@link trainIntoDirectory} that a run stands for. */
export function trainingOptions({
  source: { run },
  model,
  tokenizer,
  adapter,
  examples,
  heldOut,
  regularizers,
  sentinel,
}: OpenedRun): Omit<AdapterRunOptions, 'directory'> {
  return {
    model,
    tokenizer,
    adapter,
    regularizers,
    ...(sentinel === undefined ? {} : { sentinel }),
    ...(run.steps === undefined ? { epochs: run.epochs ?? 1 } : { steps: run.steps }),
    batchSize: run.batch_size,
    gradientAccumulation: run.gradient_accumulation,
    packing: run.packing,
    ...(run.objective === undefined ? {} : { objective: run.objective }),
    examples,
    ...trainingSettings(run, heldOut),
    tokenize: {
      maxLength: run.max_length,
      onTooLong: 'truncate-or-skip',
      supervise: run.supervise,
      ...(run.allow_hidden.length === 0 ? {} : { allowHidden: run.allow_hidden }),
    },
    seed: run.seed,
    memory: run.memory,
    ...(run.memory_limit === undefined ? {} : { memoryLimit: run.memory_limit * 1e9 }),
    runtime: runtimeOf(run),
    checkpointEverySteps: run.checkpoint_every,
  };
}

/** On what, and with how much of it, a run's model is run. */
export function runtimeOf({ execution_provider, threads }: Run): NonNullable<AdapterRunOptions['runtime']> {
  return {
    executionProvider: execution_provider as NonNullable<AdapterRunOptions['runtime']>['executionProvider'] &
      string,
    ...(threads === undefined ? {} : { threads }),
  };
}
