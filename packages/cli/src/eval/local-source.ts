import { type AnswerRequest, type AnswerSource, batchedSource, filesFingerprint } from '@safetune/eval';
import { loadLoraAdapter } from '@safetune/lora';
import {
  answerChats,
  createGenerator,
  type FinishReason,
  loadModel,
  loadTokenizer,
  type TokenGenerator,
  type Tokenizer,
} from '@safetune/models';
import { adapterFolder, modelFolder } from '../hub-names.ts';
import { modelOptions } from '../precision-option.ts';
import type { runtimeOptions } from '../runtime-options.ts';
import type { templateOptions } from '../template-options.ts';

/** What a local model is asked with. */
export interface LocalSourceOptions {
  /** Folder, file or name on the hub. */
  readonly model: string;
  readonly adapter: string | undefined;
  readonly precision: string | undefined;
  readonly runtime: ReturnType<typeof runtimeOptions>;
  readonly template: ReturnType<typeof templateOptions>;
  readonly maxNewTokens: number;
  readonly temperature: number;
  readonly topP: number;
  readonly batchSize: number;
}

/** A source of answers, and how to let go of what it holds. */
export interface OpenedSource {
  readonly source: AnswerSource;
  release(): Promise<void>;
}

/** Answers of a model on this machine, with or without an adapter. */
export async function openLocalSource(options: LocalSourceOptions): Promise<OpenedSource> {
  const { runtime, template, temperature, maxNewTokens, topP, batchSize } = options;
  const modelDirectory = await modelFolder(options.model);
  const adapterDirectory = options.adapter === undefined ? undefined : await adapterFolder(options.adapter);
  const model = await loadModel(modelDirectory, modelOptions(options.precision));
  const tokenizer = await loadTokenizer(modelDirectory, template);
  const adapter =
    adapterDirectory === undefined ? undefined : await loadLoraAdapter(adapterDirectory, { model });
  const generator = await createGenerator(model, {
    ...runtime,
    ...(adapter === undefined ? {} : { adapter }),
  });
  const source = batchedSource({
    name: options.adapter ?? options.model,
    settings: {
      model: await filesFingerprint(modelDirectory),
      adapter: adapterDirectory === undefined ? null : await filesFingerprint(adapterDirectory),
      precision: model.precision,
      temperature,
      topP,
      maxNewTokens,
      templateArguments: JSON.stringify(template.templateArguments ?? {}),
    },
    details: {
      modelDirectory,
      adapterDirectory: adapterDirectory ?? null,
      precision: model.precision,
      executionProvider: runtime.executionProvider ?? 'cpu',
    },
    batchSize,
    generate: (requests, { signal }) =>
      answersOf(generator, tokenizer, requests, {
        maxNewTokens,
        temperature,
        topP,
        batchSize,
        ...(signal && { signal }),
      }),
  });
  return { source, release: () => generator.release() };
}

interface Sampling {
  readonly maxNewTokens: number;
  readonly temperature: number;
  readonly topP: number;
  readonly batchSize: number;
  readonly signal?: AbortSignal;
}

/** The answers of one batch; requests with a temperature of their own are generated apart. */
async function answersOf(
  generator: TokenGenerator,
  tokenizer: Tokenizer,
  requests: readonly AnswerRequest[],
  sampling: Sampling,
) {
  const answers = new Map<AnswerRequest, { answer: string; finishReason: FinishReason }>();
  const byTemperature = Map.groupBy(requests, ({ temperature = sampling.temperature }) => temperature);
  for (const [temperature, group] of byTemperature) {
    const finishReasons: FinishReason[] = [];
    const texts = await answerChats(
      generator,
      tokenizer,
      group.map(({ messages }) => messages),
      {
        ...sampling,
        temperature,
        seeds: group.map(({ seed }) => seed),
        onToken: ({ prompt, finishReason }) => {
          if (finishReason !== undefined) finishReasons[prompt] = finishReason;
        },
      },
    );
    for (const [index, request] of group.entries()) {
      answers.set(request, { answer: texts[index]!, finishReason: finishReasons[index] ?? 'stop' });
    }
  }
  return requests.map((request) => answers.get(request)!);
}
