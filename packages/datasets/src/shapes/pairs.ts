import { DatasetFormatError } from '../errors.ts';
import { isObject, type JsonObject } from '../json.ts';
import type { ExampleOrigin } from '../origin.ts';
import { printable, quoted } from '../printable.ts';
import { has, type Shape, type ShapedRow, without } from './shape.ts';
import { messagesOf, systemMessage } from './turns.ts';

/** What data sets call the column that the user says, the one that is learned, and the one of the system's message. */
const prompts = ['prompt', 'question', 'query', 'input', 'inputs', 'problem', 'user', 'human'];
const answers = ['completion', 'response', 'answer', 'output', 'target', 'targets', 'solution', 'assistant'];
const systems = ['system', 'system_prompt'];
/** What the user may have to see as well; where it belongs cannot be told. */
const contexts = ['context', 'passage', 'background'];

const present = (row: JsonObject, columns: readonly string[]) => columns.filter((column) => has(row, column));

/** A prompt and its answer: prompt and completion, question and answer, ... Each text, or a list of messages as in trl. */
export const pairs: Shape = {
  name: 'prompt-completion',
  columns: 'prompt, completion (or response, answer, ...; or question, query, ...)',
  matches: (row) => present(row, prompts).length > 0 && present(row, answers).length > 0,
  read(row, origin) {
    const [prompt, ...otherPrompts] = present(row, prompts);
    const [answer, ...otherAnswers] = present(row, answers);
    if (prompt === undefined || answer === undefined) throw noPair(row, origin);
    const several = otherPrompts.length > 0 ? [prompt, ...otherPrompts] : [answer, ...otherAnswers];
    if (several.length > 1) {
      const part = otherPrompts.length > 0 ? 'prompt' : 'answer';
      throw new DatasetFormatError(
        origin,
        `columns ${several.map((column) => quoted(column)).join(', ')}: each could be the ${part}`,
        `Choose by shape: {prompt: ${printable(prompt)}, answer: ${printable(answer)}}, or remove the others`,
      );
    }
    return pairOf(row, { prompt, answer, ...systemOf(row) }, origin);
  },
};

/** Names of the columns that are prompt and answer, and of the one that is the system's message. */
export interface PairColumns {
  readonly prompt: string;
  readonly answer: string;
  readonly system?: string;
}

/** The shape of columns that are named; what else could be a prompt or an answer is taken for a description. */
export function namedPair(columns: PairColumns): Shape {
  const { prompt, answer } = columns;
  return {
    name: `${prompt}/${answer}`,
    columns: Object.values(columns).join(', '),
    matches: (row) => has(row, prompt, answer),
    read(row, origin) {
      if (!has(row, prompt, answer)) throw noPair(row, origin, [prompt, answer]);
      return pairOf(
        without(
          row,
          ...present(row, [...prompts, ...answers]).filter((one) => one !== prompt && one !== answer),
        ),
        columns,
        origin,
      );
    },
  };
}

function systemOf(row: JsonObject): { readonly system?: string } {
  const [system] = present(row, systems);
  return system === undefined ? {} : { system };
}

function pairOf(row: JsonObject, { prompt, answer, system }: PairColumns, origin: ExampleOrigin): ShapedRow {
  const [context] = present(row, contexts).filter((column) => row[column] !== '' && row[column] !== null);
  if (context !== undefined) {
    throw new DatasetFormatError(
      origin,
      `column ${quoted(context)} stands beside ${quoted(prompt)} and ${quoted(answer)}, and it cannot be told where the model should see it`,
      `Put it into ${quoted(prompt)}, or remove the column`,
    );
  }
  const said = [...asMessages(prompt, row[prompt], 'user', origin)];
  // Of a conversation before the answer nothing is learned, as in trl.
  const before = said.map((message) =>
    isObject(message) && message.role === 'assistant' ? { ...message, train: false } : message,
  );
  const messages = [
    ...(system === undefined ? [] : systemMessage(row[system])),
    ...before,
    ...asMessages(answer, row[answer], 'assistant', origin),
  ];
  return { chat: { ...without(row, prompt, answer, ...(system === undefined ? [] : [system])), messages } };
}

function asMessages(column: string, value: unknown, role: string, origin: ExampleOrigin): unknown[] {
  if (!Array.isArray(value)) return [{ role, content: value }];
  return messagesOf(column, value, origin) as unknown[];
}

function noPair(row: JsonObject, origin: ExampleOrigin, wanted: readonly string[] = []): DatasetFormatError {
  const names =
    wanted.length > 0 ? wanted.map((column) => quoted(column)).join(' and ') : 'a prompt and an answer';
  return new DatasetFormatError(
    origin,
    `columns ${names} are wanted, but there are ${printable(Object.keys(row).join(', '), 200)}`,
    'Name the columns as they are written',
  );
}
