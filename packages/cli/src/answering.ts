import { loadLoraAdapter } from '@safetune/lora';
import {
  type AnswerOptions,
  type CausalLm,
  createGenerator,
  loadModel,
  readGenerationDefaults,
  type TokenGenerator,
  type Tokenizer,
} from '@safetune/models';
import { adapterDescription, adapterFolder, modelFolder, modelOption } from './hub-names.ts';
import {
  type InferencePromptArguments,
  type InferencePrompts,
  inferencePromptOptionDefinitions,
  inferencePrompts,
} from './inference-prompt.ts';
import { modelOptions, precisionOption } from './precision-option.ts';
import { runtimeOptionDefinitions, runtimeOptions } from './runtime-options.ts';
import { givenSampling, type SamplingArguments, samplingOptions } from './sampling-options.ts';
import { loadChatTokenizer, templateOptionDefinitions, templateOptions } from './template-options.ts';
import { readToolsFile, requireTools, toolsOption } from './tools-file.ts';

/** The options of commands in which a model, with or without an adapter, answers. */
export const answeringOptionDefinitions = {
  model: modelOption,
  precision: precisionOption,
  ...runtimeOptionDefinitions,
  ...templateOptionDefinitions,
  adapter: { type: 'string', path: 'input', valueHint: 'DIR', description: adapterDescription },
  system: { type: 'string', valueHint: 'TEXT', description: 'a system message' },
  ...inferencePromptOptionDefinitions,
  tools: toolsOption,
} as const;

interface AnsweringArguments extends SamplingArguments, InferencePromptArguments {
  readonly model: string;
  readonly precision?: string | undefined;
  readonly adapter?: string | undefined;
  readonly 'execution-provider'?: string | undefined;
  readonly threads?: string | undefined;
  readonly tools?: string | undefined;
}

/** A model that answers, with its adapter and without. */
export interface Answering {
  readonly model: CausalLm;
  readonly tokenizer: Tokenizer;
  /** How it answers: as was given, and as its files say. */
  readonly options: Omit<AnswerOptions, 'seeds'>;
  /** What stands before the system message of each conversation. */
  readonly prompts: InferencePrompts;
  /** Of the first answer. */
  readonly seed: number;
  /**
   * The generator with the adapter, or without, made when it is first asked for. Both map the same weights from the same
   * files: the second takes no second copy of them, but for 8-bit weights, which each session rearranges for itself.
   */
  generator(withAdapter: boolean): Promise<TokenGenerator>;
  release(): Promise<void>;
}

/** @throws UsageError, and what loading throws. */
export async function openAnswering(
  args: AnsweringArguments,
  rawArgs: readonly string[],
): Promise<Answering> {
  const runtime = runtimeOptions(args);
  const sampling = givenSampling(args, rawArgs);
  const tools = args.tools === undefined ? undefined : await readToolsFile(args.tools);
  const folder = await modelFolder(args.model);
  const adapterDirectory = args.adapter === undefined ? undefined : await adapterFolder(args.adapter);
  const tokenizer = await loadChatTokenizer(folder, templateOptions(rawArgs));
  if (tools !== undefined) requireTools(tokenizer);
  const options = samplingOptions(sampling, await readGenerationDefaults(folder));
  const prompts = await inferencePrompts(adapterDirectory, args);
  const model = await loadModel(folder, modelOptions(args.precision, 'generation'));
  const adapter =
    adapterDirectory === undefined ? undefined : await loadLoraAdapter(adapterDirectory, { model });
  const made = new Map<boolean, Promise<TokenGenerator>>();
  return {
    model,
    tokenizer,
    options: { ...options, ...(tools === undefined ? {} : { tools }) },
    prompts,
    seed: sampling.seed,
    generator(withAdapter) {
      const isAdapted = withAdapter && adapter !== undefined;
      const known =
        made.get(isAdapted) ?? createGenerator(model, { ...runtime, ...(isAdapted ? { adapter } : {}) });
      made.set(isAdapted, known);
      return known;
    },
    async release() {
      for (const generator of made.values()) await (await generator).release();
    },
  };
}
