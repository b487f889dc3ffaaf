import { type ChatMessage, callsTools } from '../example/message.ts';
import type { DataCheck, Finding } from './data-check.ts';

/** Conversations in an order that is unlike what models are asked in. Templates may refuse some of them. */
export function roleOrderCheck(): DataCheck {
  return {
    name: 'roles',
    about: 'an order of roles that conversations seldom have',
    find: ({ example }) => {
      const { messages } = example;
      // A text without a template has no roles.
      if (example.text !== undefined) return [];
      const last = messages.length - 1;
      const findings = messages.flatMap((message, index): Finding[] => {
        const kind = oddity(message, messages[index - 1], index);
        return kind === undefined ? [] : [{ kind, message: index }];
      });
      if (messages[last]?.role === 'assistant') return findings;
      return [...findings, { kind: 'does not end with an answer', message: last }];
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
