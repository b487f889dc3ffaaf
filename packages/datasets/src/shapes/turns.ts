import { DatasetFormatError } from '../errors.ts';
import { otherRoles } from '../example/message-shape.ts';
import { isObject, type JsonObject, parsedText } from '../json.ts';
import type { ExampleOrigin } from '../origin.ts';
import { describeValue, quoted } from '../printable.ts';

/** ShareGPT's speakers (as LLaMA-Factory, axolotl and FastChat write them) that are none of `otherRoles`. */
const speakers = new Map([
  ['observation', 'tool'],
  ['function_response', 'tool'],
  ['function_call', 'assistant'],
  ['tool_call', 'assistant'],
]);

/**
 * A list of turns as messages: `from` and `value` become `role` and `content`, other names of roles become those of chat templates,
 * and a turn that calls a function becomes the assistant's tool call. Tables may hold the list as its JSON text.
 *
 * @returns what is no list of objects as it is: it is refused where messages are checked.
 * @throws {@link DatasetFormatError} for a list that Python wrote as text, and for a call that is not JSON.
 */
export function messagesOf(column: string, value: unknown, origin: ExampleOrigin): unknown {
  const turns = parsedText(value);
  if (typeof turns === 'string') {
    const isPython = /^\s*\[\s*\{\s*'/.test(turns);
    throw new DatasetFormatError(
      origin,
      `column ${quoted(column)} must hold a list of messages, but is ${quoted(turns)}`,
      isPython
        ? 'This is how Python shows a list, not JSON: write it with json.dumps, or the table as Parquet or JSON Lines'
        : 'Write the list as JSON: [{"role": "user", "content": "..."}, ...]',
    );
  }
  if (!Array.isArray(turns)) return turns;
  return turns.map((turn: unknown) => (isObject(turn) ? messageOf(turn, origin) : turn));
}

function messageOf(turn: JsonObject, origin: ExampleOrigin): JsonObject {
  // Tables write nulls where other rows have a key.
  const isShareGpt = turn.role == null && turn.from != null;
  const { from, value, ...others } = turn;
  const message: JsonObject = isShareGpt ? { ...others, role: from, content: value } : turn;
  const { role } = message;
  if (typeof role !== 'string') return message;
  const speaker = role.toLowerCase();
  if (speaker === 'function_call' || speaker === 'tool_call') return callOf(message, origin);
  const known = otherRoles.get(speaker) ?? speakers.get(speaker);
  return known === undefined ? message : { ...message, role: known };
}

/** The content of such a turn is one call or a list of them, as JSON: `{"name": "...", "arguments": {...}}`. */
function callOf(message: JsonObject, origin: ExampleOrigin): JsonObject {
  const parsed = parsedText(message.content);
  const calls: readonly unknown[] = Array.isArray(parsed) ? parsed : [parsed];
  const bad = calls.find((call) => !isObject(call) || typeof call.name !== 'string');
  if (bad !== undefined || calls.length === 0) {
    throw new DatasetFormatError(
      origin,
      `a turn from ${quoted(String(message.role))} must be {"name": "...", "arguments": {...}}, but is ${describeValue(bad)}`,
      'Write the call as JSON',
    );
  }
  const toolCalls = calls.map((call) => ({ type: 'function', function: call }));
  return { ...message, role: 'assistant', content: '', tool_calls: toolCalls };
}

/** A text column as the system's message, which stands before the others; none when it is empty. */
export function systemMessage(value: unknown): JsonObject[] {
  return typeof value === 'string' && value.trim() !== '' ? [{ role: 'system', content: value }] : [];
}
