import type { ChatMessage } from '../chat-template/chat-template.ts';
import type { AnswerTokenizer } from './answer-chats.ts';
import type { AnswerScore, AnswerScorer, ScoreOptions, TokenAnswer } from './score.ts';

/** A conversation and an answer to it. */
export interface ChatAnswer {
  readonly messages: readonly ChatMessage[];
  readonly answer: string;
}

/** Options of {@link scoreAnswers}. */
export interface ScoreAnswersOptions extends ScoreOptions {
  /** Whether the end of the turn after the answer counts too: how probable the answer is as the whole of it. Default false. */
  readonly endOfTurn?: boolean;
}

/**
 * How probable a model finds given answers to conversations: the conversation is rendered with the generation prompt,
 * then comes the answer's text. Where the tokenizer joins the two at their border, the answer begins with the joined token.
 *
 * @returns one score per answer, in their order
 * @throws what rendering and {@link AnswerScorer.score} throw
 *
 * @example
 * const scorer = await createScorer(model);
 * const [yes, no] = await scoreAnswers(scorer, tokenizer, ['Yes', 'No'].map((answer) => ({ messages, answer })));
 */
export async function scoreAnswers(
  scorer: AnswerScorer,
  tokenizer: AnswerTokenizer,
  answers: readonly ChatAnswer[],
  { endOfTurn = false, ...options }: ScoreAnswersOptions = {},
): Promise<AnswerScore[]> {
  const [end] = tokenizer.endOfTurnTokenIds;
  return scorer.score(
    answers.map(({ messages, answer }): TokenAnswer => {
      const prompt = tokenizer.renderChat(messages, { addGenerationPrompt: true });
      const before = tokenizer.encode(prompt);
      const whole = tokenizer.encode(prompt + answer);
      const differs = before.findIndex((token, index) => token !== whole[index]);
      const border = differs === -1 ? before.length : differs;
      return {
        prompt: whole.slice(0, border),
        answer: [...whole.slice(border), ...(endOfTurn && end !== undefined ? [end] : [])],
      };
    }),
    options,
  );
}
