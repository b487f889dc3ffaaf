import { isObject, type JsonObject, parsedText } from '../json.ts';
import { has, type Shape, without } from './shape.ts';
import { messagesOf, systemMessage } from './turns.ts';

const columns = ['conversations', 'conversation'] as const;

const columnOf = (row: JsonObject) => columns.find((column) => row[column] != null) ?? 'conversations';

/** ShareGPT: a list of `{from, value}`, also with `role` and `content`; `system` and `tools` may stand beside it. */
export const sharegpt: Shape = {
  name: 'sharegpt',
  columns: 'conversations (from, value)',
  matches: (row) => columns.some((column) => has(row, column)),
  read(row, origin) {
    const column = columnOf(row);
    const turns = messagesOf(column, row[column], origin);
    const begins = Array.isArray(turns) && isObject(turns[0]) && turns[0].role === 'system';
    const system = begins ? [] : systemMessage(row.system);
    const messages = Array.isArray(turns) ? [...system, ...turns] : turns;
    const tools = toolsOf(row.tools);
    const others = without(row, column, 'tools', ...(system.length > 0 ? ['system'] : []));
    return { chat: { ...others, messages, ...(tools != null && { tools }) } };
  },
};

/** LLaMA-Factory's sets hold functions without the `{"type": "function"}` around them, which templates expect. */
function toolsOf(value: unknown): unknown {
  const tools = parsedText(value);
  if (!Array.isArray(tools)) return tools === '' ? undefined : tools;
  return tools.map((tool: unknown) =>
    isObject(tool) && typeof tool.name === 'string' && !('function' in tool)
      ? { type: 'function', function: tool }
      : tool,
  );
}
