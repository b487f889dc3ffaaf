import type { JsonObject } from '../json.ts';
import { has, type Shape, without } from './shape.ts';
import { systemMessage } from './turns.ts';

const inputs = ['input', 'context'];
const outputs = ['output', 'response', 'completion', 'answer'];

const outputOf = (row: JsonObject) => outputs.find((column) => has(row, column));

/**
 * Instructions with an optional input and an output (Alpaca), also `context` and `response` (Dolly). The user says the instruction,
 * and the input on the next line, as LLaMA-Factory joins them; `system` may stand beside them.
 */
export const alpaca: Shape = {
  name: 'alpaca',
  columns: 'instruction, input, output',
  matches: (row) => has(row, 'instruction') && outputOf(row) !== undefined,
  read(row) {
    const output = outputOf(row) ?? 'output';
    const input = inputs.find((column) => has(row, column) && row[column] !== '' && row[column] !== null);
    const messages = [
      ...systemMessage(row.system),
      { role: 'user', content: input === undefined ? row.instruction : joined(row.instruction, row[input]) },
      { role: 'assistant', content: row[output] },
    ];
    const read = ['instruction', output, 'system', ...(input === undefined ? [] : [input])];
    return { chat: { ...without(row, ...read), messages } };
  },
};

/** What is no text stays what it is: it is refused where messages are checked. */
function joined(instruction: unknown, input: unknown): unknown {
  if (typeof instruction !== 'string' || typeof input !== 'string') return [instruction, input];
  return instruction === '' ? input : `${instruction}\n${input}`;
}
