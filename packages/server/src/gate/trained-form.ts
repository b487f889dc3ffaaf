import { type ChatExample, messageText } from '@safetune/datasets';
import { type ConditionalSuite, conditionalQuestions, type Question } from '@safetune/eval';

/** Forms of the training data that are asked in at most, and besides what is typical of all. Each takes as long as the plain one. */
const mostForms = 4;

/** Questions in the forms that the training data has; none where no form is seen. */
export function inTrainedForms(
  questions: readonly Question[],
  examples: readonly ChatExample[],
): ConditionalSuite | undefined {
  const conversations = examples
    .filter(({ messages }) => messages.length > 0)
    .map(({ messages }) => ({
      messages: messages.map((message) => ({ role: message.role, content: messageText(message) })),
    }));
  if (conversations.length === 0) return undefined;
  return conditionalQuestions(questions, conversations, { mostForms });
}
