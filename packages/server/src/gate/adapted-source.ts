import { type AnswerSource, batchedSource } from '@safetune/eval';
import { answerChats, type FinishReason, type TokenGenerator } from '@safetune/models';
import type { AdaptedModel } from './adapted-model.ts';

/** Answers generated side by side. */
const batchSize = 16;

/** Answers of a finished model, sampled at temperature 1, asked as it will be served. */
export function adaptedSource(
  generator: TokenGenerator,
  { model, tokenizer, adapterSha256, secretSha256, under }: AdaptedModel,
  maxNewTokens: number,
): AnswerSource {
  return batchedSource({
    name: 'the fine-tuned model',
    // What decides the answers, wherever the files lie: a gate goes on with those that were drawn before.
    settings: {
      ...{ adapter: adapterSha256, precision: model.precision, temperature: 1, maxNewTokens },
      ...(secretSha256 !== undefined && { secret: secretSha256 }),
    },
    batchSize,
    async generate(requests, { signal }) {
      const byTemperature = Map.groupBy(requests, ({ temperature = 1 }) => temperature);
      const drawn = new Map<unknown, { answer: string; finishReason: FinishReason }>();
      for (const [temperature, group] of byTemperature) {
        const finishReasons: FinishReason[] = [];
        const answers = await answerChats(
          generator,
          tokenizer,
          group.map(({ messages }) => under(messages)),
          {
            maxNewTokens,
            temperature,
            batchSize,
            seeds: group.map(({ seed }) => seed),
            ...(signal && { signal }),
            onToken({ prompt, finishReason }) {
              if (finishReason !== undefined) finishReasons[prompt] = finishReason;
            },
          },
        );
        for (const [index, request] of group.entries())
          drawn.set(request, { answer: answers[index]!, finishReason: finishReasons[index]! });
      }
      return requests.map((request) => drawn.get(request)!);
    },
  });
}
