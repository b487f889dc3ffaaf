import { isObject } from '../json.ts';
import { describeValue, quoted } from '../printable.ts';
import { refusedMessageKey } from './example-keys.ts';
import { type ChatMessage, callsTools, chatRoles, reasoningNames } from './message.ts';
import { weightProblem } from './training-weight.ts';

/** What other formats call the roles. */
export const otherRoles = new Map([
  ['human', 'user'],
  ['prompter', 'user'],
  ['gpt', 'assistant'],
  ['model', 'assistant'],
  ['bot', 'assistant'],
  ['ai', 'assistant'],
  ['chatgpt', 'assistant'],
  ['function', 'tool'],
  ['ipython', 'tool'],
]);

/** Why a value is no message, said behind its place in the list; undefined when it is one. */
export function messageProblem(message: unknown): string | undefined {
  if (!isObject(message)) {
    return `: must be an object with a role and a content, but is ${describeValue(message)}`;
  }
  const { role } = message;
  if (!chatRoles.some((known) => known === role)) {
    const meant = typeof role === 'string' ? otherRoles.get(role.toLowerCase()) : undefined;
    const isShareGpt = role === undefined && 'from' in message && 'value' in message;
    const hint = meant
      ? `; write "${meant}"`
      : isShareGpt
        ? '; rename "from" to "role" and "value" to "content"'
        : '';
    return `.role: must be one of ${chatRoles.join(', ')}, but is ${describeValue(role)}${hint}`;
  }
  return contentProblem(message) ?? textsProblem(message) ?? callsProblem(message);
}

/** Why a message that has the shape of one cannot be learned from as it is; undefined when it can. */
export function messageKeyProblem(message: ChatMessage): string | undefined {
  return refusedMessageKey(message) ?? weightProblem(message);
}

function contentProblem(message: Readonly<Record<string, unknown>>): string | undefined {
  const { content } = message;
  if (typeof content === 'string') return undefined;
  if (Array.isArray(content)) {
    const bad = content.findIndex(
      (part) => !isObject(part) || part.type !== 'text' || typeof part.text !== 'string',
    );
    if (bad === -1) return undefined;
    const part: unknown = content[bad];
    const what =
      isObject(part) && typeof part.type === 'string' ? `of type ${quoted(part.type)}` : describeValue(part);
    return `.content[${bad}]: must be a part {"type": "text", "text": "..."}, but is ${what}; images and sound cannot be trained`;
  }
  const speaksOtherwise =
    message.role === 'assistant' &&
    (callsTools(message as unknown as ChatMessage) ||
      reasoningNames.some((name) => typeof message[name] === 'string'));
  if (content == null && speaksOtherwise) return undefined;
  // What stands in for the content says more than its absence.
  const refused = refusedMessageKey(message);
  if (content == null && refused !== undefined) return `: ${refused}`;
  return `.content: must be a string, but is ${describeValue(content)}; an empty answer is ""`;
}

function textsProblem(message: Readonly<Record<string, unknown>>): string | undefined {
  for (const key of [...reasoningNames, 'name', 'tool_call_id']) {
    const value = message[key];
    if (value != null && typeof value !== 'string')
      return `.${key}: must be a text, but is ${describeValue(value)}`;
    if (
      value != null &&
      value !== '' &&
      key !== 'name' &&
      key !== 'tool_call_id' &&
      message.role !== 'assistant'
    ) {
      return `.${key}: only the assistant reasons, this message is of role ${quoted(String(message.role))}`;
    }
  }
  return undefined;
}

function callsProblem(message: Readonly<Record<string, unknown>>): string | undefined {
  const { tool_calls: calls } = message;
  if (calls == null) return undefined;
  if (!Array.isArray(calls)) return `.tool_calls: must be a list, but is ${describeValue(calls)}`;
  if (calls.length > 0 && message.role !== 'assistant') {
    return `.tool_calls: only the assistant calls tools, this message is of role ${quoted(String(message.role))}`;
  }
  for (const [index, call] of calls.entries()) {
    const called: unknown = isObject(call) && isObject(call.function) ? call.function : call;
    if (!isObject(called) || typeof called.name !== 'string') {
      return `.tool_calls[${index}]: must be {"function": {"name": "...", "arguments": {...}}}, but is ${describeValue(call)}`;
    }
    const { arguments: given } = called;
    if (given != null && typeof given !== 'string' && !isObject(given)) {
      return `.tool_calls[${index}]: arguments must be an object, but are ${describeValue(given)}`;
    }
  }
  return undefined;
}
