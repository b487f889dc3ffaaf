import { callsTools, messageReasoning, messageText } from '../example/message.ts';
import { allMessages, type DataCheck, placeOf } from './data-check.ts';

/** White space and what draws nothing. */
const isSeen = (text: string) => /[^\s\p{Default_Ignorable_Code_Point}]/u.test(text);

/** Messages that say nothing which could be seen. */
export function emptyMessagesCheck(): DataCheck {
  return {
    name: 'empty',
    about: 'a message without visible text (or, of the assistant, tool calls)',
    find: ({ example }) =>
      allMessages(example).flatMap(({ message, ...place }) => {
        if (isSeen(messageText(message)) || callsTools(message)) return [];
        const thinks = isSeen(messageReasoning(message) ?? '');
        const kind =
          message.role === 'assistant'
            ? thinks
              ? 'answer of thoughts only'
              : 'empty answer'
            : message.role === 'user'
              ? 'empty question'
              : `empty ${message.role}`;
        return [{ kind, ...placeOf(place) }];
      }),
  };
}
