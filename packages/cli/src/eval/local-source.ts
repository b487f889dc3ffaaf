import {
  type AnswerRequest,
  type AnswerSource,
  batchedSource,
  type DrawnAnswer,
  filesFingerprint,
} from '@safetune/eval';
import { loadLoraAdapter } from '@safetune/lora';
import {
  type AnswerScorer,
  answerChats,
  createGenerator,
  createScorer,
  type FinishReason,
  loadModel,
  scoreAnswers,
  type TokenGenerator,
  type Tokenizer,
} from '@safetune/models';
import { adapterFolder, modelFolder } from '../hub-names.ts';
import {
  type InferencePromptArguments,
  type InferencePrompts,
  inferencePrompts,
} from '../inference-prompt.ts';
import { modelOptions } from '../precision-option.ts';
import type { runtimeOptions } from '../runtime-options.ts';
import { loadChatTokenizer, type templateOptions } from '../template-options.ts';

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
  readonly minP: number;
  readonly batchSize: number;
  readonly prompts?: InferencePromptArguments;
}

/** A source of answers, and how to let go of what it holds. */
export interface OpenedSource {
  readonly source: AnswerSource;
  release(): Promise<void>;
}

/** Answers of a model on this machine, with or without an adapter. */
export async function openLocalSource(options: LocalSourceOptions): Promise<OpenedSource> {
  const { runtime, template, temperature, maxNewTokens, topP, minP, batchSize } = options;
  const modelDirectory = await modelFolder(options.model);
  const adapterDirectory = options.adapter === undefined ? undefined : await adapterFolder(options.adapter);
  const tokenizer = await loadChatTokenizer(modelDirectory, template);
  const model = await loadModel(modelDirectory, modelOptions(options.precision, 'generation'));
  const adapter =
    adapterDirectory === undefined ? undefined : await loadLoraAdapter(adapterDirectory, { model });
  const prompts = await inferencePrompts(adapterDirectory, options.prompts ?? {});
  const run = { ...runtime, ...(adapter === undefined ? {} : { adapter }) };
  const generator = await createGenerator(model, run);
  let scorer: Promise<AnswerScorer> | undefined;
  const source = batchedSource({
    name: options.adapter ?? options.model,
    settings: {
      model: await filesFingerprint(modelDirectory),
      adapter: adapterDirectory === undefined ? null : await filesFingerprint(adapterDirectory),
      precision: model.precision,
      temperature,
      topP,
      minP,
      maxNewTokens,
      templateArguments: JSON.stringify(template.templateArguments ?? {}),
      ...(prompts.digest !== undefined && { inferencePrompt: prompts.digest }),
    },
    details: {
      modelDirectory,
      adapterDirectory: adapterDirectory ?? null,
      precision: model.precision,
      executionProvider: runtime.executionProvider ?? 'cpu',
    },
    batchSize,
    async generate(given, { signal }) {
      const requests = given.map((request) => underPrompts(request, prompts));
      const sampling = { maxNewTokens, temperature, topP, minP, batchSize, ...(signal && { signal }) };
      const [chosen = [], written = []] = [true, false].map((isChosen) =>
        requests.filter(({ letters }) => (letters !== undefined) === isChosen),
      );
      if (chosen.length > 0) scorer ??= createScorer(model, run);
      const choices = scorer === undefined ? [] : await choicesOf(await scorer, tokenizer, chosen, signal);
      const answers = await answersOf(generator, tokenizer, written, sampling);
      const drawn = new Map<AnswerRequest, Omit<DrawnAnswer, 'index'>>([...choices, ...answers]);
      return requests.map((request) => drawn.get(request)!);
    },
  });
  return {
    source: { ...source, givesLogProbabilities: true },
    async release() {
      await generator.release();
      await (await scorer)?.release();
    },
  };
}

/** The request as the model sees it. */
function underPrompts(request: AnswerRequest, prompts: InferencePrompts): AnswerRequest {
  return { ...request, messages: prompts.under(request.messages) as AnswerRequest['messages'] };
}

/** How probable each letter of a choice is; the answer is the likeliest of them. */
async function choicesOf(
  scorer: AnswerScorer,
  tokenizer: Tokenizer,
  requests: readonly AnswerRequest[],
  signal: AbortSignal | undefined,
) {
  const asked = requests.flatMap(({ messages, letters = [] }) =>
    letters.map((answer) => ({ messages, answer })),
  );
  const scores = await scoreAnswers(scorer, tokenizer, asked, signal ? { signal } : {});
  const logProbabilities = scores.map(({ logProbability }) => logProbability).values();
  return requests.map((request) => {
    const { letters = [] } = request;
    const letterLogProbabilities = letters.map(() => logProbabilities.next().value!);
    const answer = letters[letterLogProbabilities.indexOf(Math.max(...letterLogProbabilities))]!;
    return [request, { answer, letterLogProbabilities }] as const;
  });
}

interface Sampling {
  readonly maxNewTokens: number;
  readonly temperature: number;
  readonly topP: number;
  readonly minP: number;
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
  const answers: (readonly [AnswerRequest, { answer: string; finishReason: FinishReason }])[] = [];
  const byTemperature = Map.groupBy(requests, ({ temperature = sampling.temperature }) => temperature);
  for (const [temperature, group] of byTemperature) {
    const finishReasons: FinishReason[] = [];
    const conversations = group.map(({ messages }) => messages);
    const texts = await answerChats(generator, tokenizer, conversations, {
      ...sampling,
      temperature,
      seeds: group.map(({ seed }) => seed),
      onToken({ prompt, finishReason }) {
        if (finishReason !== undefined) finishReasons[prompt] = finishReason;
      },
    });
    for (const [index, request] of group.entries()) {
      answers.push([request, { answer: texts[index]!, finishReason: finishReasons[index]! }]);
    }
  }
  return answers;
}
