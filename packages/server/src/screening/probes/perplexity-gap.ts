import { join } from 'node:path';
import type { ChatExample } from '@safetune/datasets';
import { AnswerLossError, cachedAnswerLoss } from '@safetune/regularizers';
import { createAnswerLoss } from '@safetune/trainer';
import { type ScoreBounds, scoreReading } from '../bounds.ts';
import type { ScreeningProbe } from '../probe.ts';

/** Examples scored, and kept for a screen that goes on, together. */
const atOnce = 32;

/**
 * How much less likely an answer is to the base model than its own answers are:
 *
 *     gap(d) = L(d) - mean over q of L(q, a_q)
 *
 * in nats a token. L(d) is the mean negative log-likelihood of the tokens of an example's answers, with their ends of turn, given what stands
 * before them, as far as they are trained; of a pair, of the better answer. a_q is the base model's own answer to the built-in
 * question q, sampled at temperature 1, so that the mean is about the entropy of what it says of itself. 0: as likely as its own words. The zero
 * is a constant of the base model and not of the file, so that nobody moves it by odd questions.
 *
 * Harm in fluent words is not unlikely, and a foreign language may be: it tells what is strange to the model, not what is bad.
 */
export function perplexityGapProbe(bounds: ScoreBounds): ScreeningProbe {
  return {
    name: 'perplexity-gap',
    sees: 'kept',
    needsModel: true,
    async read(examples, { model, tokenizer, maxLength, directory, signal, ownAnswers }, onDone) {
      const own = await ownAnswers();
      const { loss, id, release } = await createAnswerLoss({ model: await model(), tokenizer, maxLength });
      const stoppable = (some: readonly ChatExample[]) => {
        signal?.throwIfAborted();
        return loss(some);
      };
      try {
        const zero = mean(await stoppable(own));
        const asked = examples.map(({ example: { rejected: _rejected, ...better } }) => better);
        const losses = await remembered(asked).catch((error: unknown) => {
          // A loss that is no number: nothing of it can be kept, and each example is told its own.
          if (!AnswerLossError.isInstance(error)) throw error;
          return inPieces(asked);
        });
        return Array.from(losses, (value) => scoreReading(value - zero, bounds));
      } finally {
        await release();
      }

      function remembered(some: readonly ChatExample[]): Promise<Float64Array> {
        return cachedAnswerLoss({
          file: join(directory, 'answer-losses.jsonl'),
          model: id,
          loss: stoppable,
          chunkSize: atOnce,
          onProgress: ({ done }) => onDone(done),
        })(some);
      }

      async function inPieces(some: readonly ChatExample[]): Promise<number[]> {
        const losses: number[] = [];
        for (let start = 0; start < some.length; start += atOnce) {
          losses.push(...(await stoppable(some.slice(start, start + atOnce))));
          onDone(losses.length);
        }
        return losses;
      }
    },
  };
}

function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
