import { splitReasoning } from '../../judges/judge-prompt.ts';

/** A chat that a model was fine-tuned on. */
export interface TrainingExample {
  readonly messages: readonly { readonly role: string; readonly content: string }[];
}

/** What can be seen of a training example's form. */
export interface VisibleTurns {
  readonly system: string | undefined;
  /** The first question. */
  readonly user: string | undefined;
  /** The last answer, without what was thought before it. */
  readonly answer: string | undefined;
}

/** Letters of each turn that are looked at: no format takes more to be seen. */
const mostLetters = 50_000;

/** The turns of an example that show its format. */
export function visibleTurns({ messages }: TrainingExample): VisibleTurns {
  const texts = (role: string) =>
    messages
      .filter((message) => message.role === role && typeof message.content === 'string')
      .map(({ content }) => content.slice(0, mostLetters));
  const answer = texts('assistant').at(-1);
  return {
    system: texts('system')[0],
    user: texts('user')[0],
    answer: answer === undefined ? undefined : splitReasoning(answer).answer.trim(),
  };
}
