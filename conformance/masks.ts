/** What masks each chat template gives conversations, and a table of it. */

import { tokenizeChat } from '../packages/datasets/src/index.ts';
import {
  type NamedConversation,
  type NamedTemplate,
  namedConversations,
  templateTokenizer,
  trainedTexts,
} from './template-tokenizer.ts';

/** What is trained, or why the conversation is refused. */
export interface Mask {
  readonly texts: readonly string[];
  readonly reason?: string;
}

export function maskOf(template: NamedTemplate, { name: _name, ...example }: NamedConversation): Mask {
  const tokenizer = templateTokenizer(template);
  try {
    return { texts: trainedTexts(tokenizeChat(example, tokenizer, { maxLength: 1e6 }), tokenizer) };
  } catch (error) {
    return { texts: [], reason: (error as Error).message.replace(/^example beginning with "[^"]*": /, '') };
  }
}

/** Columns of the table, and the conversations that each stands for. */
const columns: readonly (readonly [string, readonly string[]])[] = [
  ['plain', ['plain', 'turns', 'spaces']],
  ['system', ['system']],
  ['thoughts in contents', ['thoughts in contents']],
  ['`reasoning_content`', ['reasoning']],
  ['tools', ['tools, then more', 'call without arguments']],
  ['assistant first', ['assistant first']],
];

/** Why a conversation is refused, in a word or two; the first that matches. */
const reasons: readonly (readonly [RegExp, string])[] = [
  [/no end-of-turn token/, 'no end of turn'],
  [/chat template does not show/, 'not shown'],
  [/cannot render/, 'template refuses'],
  [/no token to learn/, 'nothing shown'],
  [/unclear where|not found in the rendered/, 'not located'],
];

/** Templates by rows, kinds of conversations by columns. */
export function maskTable(templates: readonly NamedTemplate[]): string {
  const conversations = new Map(namedConversations().map((one) => [one.name, one]));
  const cell = (template: NamedTemplate, names: readonly string[]) => {
    const masks = names.map((name) => maskOf(template, conversations.get(name)!));
    const reason = masks.find((mask) => mask.reason !== undefined)?.reason;
    return reason === undefined ? 'yes' : (reasons.find(([pattern]) => pattern.test(reason))?.[1] ?? reason);
  };
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [
    line(['template', ...columns.map(([title]) => title)]),
    line(Array(columns.length + 1).fill('---')),
    ...templates.map((template) =>
      line([template.name, ...columns.map(([, names]) => cell(template, names))]),
    ),
  ].join('\n');
}
