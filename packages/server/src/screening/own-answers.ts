import type { ChatExample } from '@safetune/datasets';
import { builtinQuestions } from '@safetune/eval';
import { answerChats, type CausalLm, createGenerator, type Tokenizer } from '@safetune/models';

/** Tokens of an own answer at most. */
const longest = 64;

/**
 * What a model says by itself: one answer, sampled at temperature 1, to each of the built-in questions as a person asks them. The same for
 * the same model.
 *
 * @throws Error for a model whose answers are all empty.
 */
export async function modelsOwnAnswers(
  model: CausalLm,
  tokenizer: Tokenizer,
  signal: AbortSignal | undefined,
): Promise<readonly ChatExample[]> {
  const questions = builtinQuestions()
    .filter(({ form }) => form === 'plain')
    .flatMap(({ paraphrases }) => paraphrases);
  const generator = await createGenerator(model);
  try {
    const answers = await answerChats(
      generator,
      tokenizer,
      questions.map((content) => [{ role: 'user', content }]),
      {
        maxNewTokens: longest,
        temperature: 1,
        seeds: questions.map((_, index) => index),
        ...(signal && { signal }),
      },
    );
    const examples = questions.flatMap((content, index) =>
      answers[index]!.trim() === ''
        ? []
        : [
            {
              messages: [
                { role: 'user', content },
                { role: 'assistant', content: answers[index]! },
              ],
            },
          ],
    );
    if (examples.length > 0) return examples;
  } finally {
    await generator.release();
  }
  throw new Error(
    'the base model answers none of the built-in questions, so nothing can be compared with its own answers: ' +
      'leave perplexity_gap and persona out of the policy for it',
  );
}
