import { isDeepStrictEqual } from 'node:util';
import { DatasetFormatError } from '../errors.ts';
import { isObject, type JsonObject } from '../json.ts';
import type { ExampleOrigin } from '../origin.ts';
import { quoted } from '../printable.ts';
import { has, type Shape, type ShapedRow, without } from './shape.ts';
import { messagesOf, systemMessage } from './turns.ts';

const prompts = ['prompt', 'question'];

/**
 * A better and a worse answer to a prompt, as trl takes them: texts or lists of messages; also without a prompt, as two conversations
 * with one beginning. `system` may stand beside them.
 */
export const preference: Shape = {
  name: 'preference',
  columns: 'prompt, chosen, rejected',
  matches: (row) => has(row, 'chosen', 'rejected') || isUnpaired(row),
  read(row, origin) {
    if (isUnpaired(row)) {
      throw new DatasetFormatError(
        origin,
        'this is a set of preferences: "label" says whether an answer is a good one, and all would be learned alike',
        'Keep the rows whose label is true, and remove the column',
      );
    }
    const [chosen, rejected] = [listOf('chosen', row, origin), listOf('rejected', row, origin)];
    const column = prompts.find((name) => has(row, name));
    const asked = column === undefined ? undefined : row[column];
    const others = without(row, 'chosen', 'rejected', 'system', ...(column === undefined ? [] : [column]));
    if (chosen !== undefined && rejected !== undefined && !startsWithAnswer(chosen)) {
      const shared = sharedBeginning(chosen, rejected);
      requirePromptIn(chosen.slice(0, shared), asked, origin);
      return pairOf(
        // Some sets hold the better conversation once more.
        isDeepStrictEqual(messagesOf('messages', row.messages, origin), chosen)
          ? without(others, 'messages')
          : others,
        [...systemMessage(row.system), ...chosen.slice(0, shared)],
        chosen.slice(shared),
        rejected.slice(shared),
        origin,
      );
    }
    if (column === undefined) {
      throw new DatasetFormatError(
        origin,
        'there is no prompt that "chosen" and "rejected" answer',
        'Write it into "prompt", or both as lists of messages with one beginning',
      );
    }
    return pairOf(
      others,
      [...systemMessage(row.system), ...(listOf(column, row, origin) ?? [{ role: 'user', content: asked }])],
      chosen ?? [{ role: 'assistant', content: row.chosen }],
      rejected ?? [{ role: 'assistant', content: row.rejected }],
      origin,
    );
  },
};

/** OpenAI's files for preference fine-tuning. */
export const openAiPreference: Shape = {
  name: 'openai-preference',
  columns: 'input, preferred_output, non_preferred_output',
  matches: (row) => has(row, 'preferred_output', 'non_preferred_output'),
  read(row, origin) {
    const { input, preferred_output: preferred, non_preferred_output: other, ...others } = row;
    if (!isObject(input) || ![input.messages, preferred, other].every(Array.isArray)) {
      throw new DatasetFormatError(
        origin,
        'a row of preferences must hold lists of messages',
        'Write {"input": {"messages": [...]}, "preferred_output": [...], "non_preferred_output": [...]}',
      );
    }
    const { messages, parallel_tool_calls: _calls, ...ofInput } = input;
    const lists = [messages, preferred, other].map(
      (list) => messagesOf('messages', list, origin) as readonly unknown[],
    );
    const [before, better, worse] = lists as [readonly unknown[], readonly unknown[], readonly unknown[]];
    return pairOf({ ...others, ...ofInput }, before, better, worse, origin);
  },
};

/** Of a conversation before the answers nothing is learned, as in trl. */
function pairOf(
  others: JsonObject,
  prompt: readonly unknown[],
  chosen: readonly unknown[],
  rejected: readonly unknown[],
  origin: ExampleOrigin,
): ShapedRow {
  if (has(others, 'messages')) {
    throw new DatasetFormatError(
      origin,
      'column "messages" stands beside a better and a worse answer, and says something else',
      'Remove "messages", or "chosen" and "rejected"',
    );
  }
  if (isDeepStrictEqual(chosen, rejected))
    throw new DatasetFormatError(origin, 'the better and the worse answer are the same', 'Remove the row');
  const before = prompt.map((message) =>
    isObject(message) && message.role === 'assistant' ? { ...message, train: false } : message,
  );
  return {
    chat: { ...others, messages: [...before, ...chosen] },
    rejected: { ...others, messages: [...before, ...rejected] },
  };
}

/** A column that holds messages; undefined where it is a text. */
function listOf(column: string, row: JsonObject, origin: ExampleOrigin): readonly unknown[] | undefined {
  const value = row[column];
  const isList = Array.isArray(value) || (typeof value === 'string' && /^\s*\[\s*\{/.test(value));
  if (!isList) return undefined;
  const messages = messagesOf(column, value, origin);
  return Array.isArray(messages) ? messages : undefined;
}

function startsWithAnswer([first]: readonly unknown[]): boolean {
  return isObject(first) && first.role === 'assistant';
}

/** Messages that both begin with; the last of each is no part of it. */
function sharedBeginning(chosen: readonly unknown[], rejected: readonly unknown[]): number {
  const most = Math.min(chosen.length, rejected.length) - 1;
  let shared = 0;
  while (shared < most && isDeepStrictEqual(chosen[shared], rejected[shared])) shared += 1;
  return shared;
}

/** @throws DatasetFormatError for two conversations without one beginning, or a prompt that is not in it. */
function requirePromptIn(beginning: readonly unknown[], prompt: unknown, origin: ExampleOrigin): void {
  if (beginning.length === 0) {
    throw new DatasetFormatError(
      origin,
      '"chosen" and "rejected" are conversations that begin with different messages',
      'Both must answer one prompt: write it as the first messages of both, or into "prompt"',
    );
  }
  const isThere =
    typeof prompt !== 'string' ||
    beginning.some((message) => isObject(message) && message.content === prompt);
  if (isThere) return;
  throw new DatasetFormatError(
    origin,
    `the prompt ${quoted(prompt, 40)} is not in the conversations of "chosen" and "rejected", which begin by themselves`,
    'Remove "prompt", or leave the answers alone in "chosen" and "rejected"',
  );
}

/** KTO: prompt, completion, and a label that is true or false. */
function isUnpaired(row: JsonObject): boolean {
  return has(row, 'prompt', 'completion', 'label') && /^(true|false)$/i.test(String(row.label));
}
