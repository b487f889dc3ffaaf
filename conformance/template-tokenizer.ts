/** Chat templates as tokenizers of one token a character, and what their masks train: for the tests and for mask-table.ts. */

import { readdirSync, readFileSync } from 'node:fs';
import type {
  ChatExample,
  ChatMessage,
  ChatTokenizer,
  TokenizedExample,
} from '../packages/datasets/src/index.ts';
import { chatRenderer } from '../packages/models/src/chat-template/chat-template.ts';

/** A conversation of templates/conversations.json. */
export interface NamedConversation extends ChatExample {
  readonly name: string;
}

/** A template, and what ends a turn in it besides the token that it puts behind an answer. */
export interface NamedTemplate {
  readonly name: string;
  readonly template: string;
}

export interface TemplateTokenizer extends ChatTokenizer {
  decode(tokenIds: readonly number[]): string;
}

const folder = new URL('templates/', import.meta.url);
const readText = (file: string) => readFileSync(new URL(file, folder), 'utf8');

export const namedConversations = (): NamedConversation[] => JSON.parse(readText('conversations.json'));

/** Templates in the manner of 30 families, most of them without tools. */
export const familyTemplates = (): NamedTemplate[] =>
  Object.entries(JSON.parse(readText('families.json')) as Record<string, string>).map(([name, template]) => ({
    name,
    template,
  }));

/** Templates of families that think and call tools, with marks around what the assistant says. */
export const markedTemplates = (): NamedTemplate[] =>
  readdirSync(new URL('marked/', folder))
    .filter((file) => !file.endsWith('.plain.jinja'))
    .map((file) => ({ name: file.replace('.jinja', ''), template: readText(`marked/${file}`) }));

/** The same templates as models come with them: without marks. */
export const plainTemplates = (): NamedTemplate[] =>
  markedTemplates().map(({ name, template }) => {
    const isOther = readdirSync(new URL('marked/', folder)).includes(`${name}.plain.jinja`);
    return { name, template: isOther ? readText(`marked/${name}.plain.jinja`) : withoutMarks(template) };
  });

/** Comments in the place of marks, which take away the same white space. */
export function withoutMarks(template: string): string {
  return template.replaceAll(/\{%(-?)\s*(?:end)?generation\s*(-?)%\}/g, '{#$1 $2#}');
}

/** What eos_token_id of generation_config.json names besides the token behind an answer. */
const furtherEnds: readonly (readonly [RegExp, readonly string[]])[] = [
  [/gpt-?oss/i, ['<|return|>', '<|call|>']],
  [/glm/i, ['<|user|>', '<|observation|>', '<|endoftext|>']],
  [/llama-?3|llama3/i, ['<|eot_id|>', '<|eom_id|>']],
];

const special =
  /<\|[^|<>]*\|?>|<[a-z_]+\|>|<｜[^｜<>]*｜>|<\/?think>|<\/?s>|\[\/?[A-Z_]+\]|\[\|\w+\|\]|<[a-z]+(?:_[a-z]+)*>/u;

/** Special tokens are one token each, all else is characters. */
export function templateTokenizer({ name, template }: NamedTemplate): TemplateTokenizer {
  const renderer = chatRenderer(new Map([['default', template]]), {
    directory: name,
    name: 'default',
    variables: { bos_token: '<s>', eos_token: '</s>' },
    now: () => new Date(),
  });
  const pieces: string[] = ['<pad>'];
  const ids = new Map<string, number>();
  const idOf = (piece: string): number => {
    const known = ids.get(piece) ?? pieces.push(piece) - 1;
    ids.set(piece, known);
    return known;
  };
  const split = new RegExp(`${special.source}|[\\s\\S]`, 'gu');
  const encode = (text: string) => (text.match(split) ?? []).map(idOf);
  return {
    renderChat: (messages, options) => renderer.render(messages, options).text,
    renderMarkedChat: (messages, options) => renderer.render(messages, options),
    templateVariables: renderer.variables,
    encode,
    decode: (tokenIds) => tokenIds.map((id) => pieces[id]).join(''),
    endOfTurnTokenIds: endsOf(name, (messages) => renderer.render(messages).text).map(idOf),
    padTokenId: 0,
  };
}

function endsOf(name: string, render: (messages: readonly ChatMessage[]) => string): string[] {
  const further = furtherEnds.filter(([pattern]) => pattern.test(name)).flatMap(([, tokens]) => tokens);
  let behind = '';
  try {
    const answered = [
      { role: 'user', content: 'Question' },
      { role: 'assistant', content: 'Answer' },
    ];
    behind = render(answered).split('Answer').at(-1) ?? '';
  } catch {
    // A template that takes other conversations.
  }
  const [token] = behind.match(new RegExp(`^(?:${special.source})`, 'u')) ?? [];
  return [...new Set([...(token === undefined ? [] : [token]), ...further, '</s>'])];
}

/** The trained text, run by run. */
export function trainedTexts(
  { tokenIds, responseMask }: TokenizedExample,
  tokenizer: TemplateTokenizer,
): string[] {
  const runs: number[][] = [];
  for (const [index, id] of tokenIds.entries()) {
    if (responseMask[index] !== 1) continue;
    if (responseMask[index - 1] !== 1) runs.push([]);
    runs.at(-1)?.push(id);
  }
  return runs.map((run) => tokenizer.decode(run));
}
