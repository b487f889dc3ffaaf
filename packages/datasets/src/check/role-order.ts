import { type ChatMessage, callsTools } from '../example/message.ts';
import { allMessages, type DataCheck, type Finding, placeOf } from './data-check.ts';

/** Conversations in an order that is unlike what models are asked in. Templates may refuse some of them. */
export function roleOrderCheck(): DataCheck {
  return {
    name: 'roles',
    about: 'an order of roles that conversations seldom have',
    find: ({ example }) => {
      // A text without a template has no roles.
      if (example.text !== undefined) return [];
      return allMessages(example).flatMap(({ message, ...place }): Finding[] => {
        const conversation = (place.rejected && example.rejected) ?? example.messages;
        const isLast = place.index === conversation.length - 1;
        const kinds = [
          oddity(message, conversation[place.index - 1], place.index),
          isLast && message.role !== 'assistant' ? 'does not end with an answer' : undefined,
        ];
        return kinds.flatMap((kind) => (kind === undefined ? [] : [{ kind, ...placeOf(place) }]));
      });
    },
  };
}

function oddity(message: ChatMessage, before: ChatMessage | undefined, index: number): string | undefined {
  const { role } = message;
  const isInstruction = role === 'system' || role === 'developer';
  if (isInstruction) return index > 0 ? 'system message behind the first' : undefined;
  const asked = before === undefined || before.role === 'system' || before.role === 'developer';
  if (role === 'assistant' && asked) return 'answer without a question';
  if (role === 'tool' && before?.role !== 'tool' && !(before && callsTools(before)))
    return 'tool result without a call';
  if (before && callsTools(before) && role !== 'tool') return 'tool call without a result';
  if (role === before?.role && role !== 'tool') return `two ${role} messages in a row`;
  return undefined;
}
