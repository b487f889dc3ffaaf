/**
 * What trl's assistant-only loss trains of conversations, in each template that it has for a model's own, beside what is trained here:
 * the table of docs/masks.md. Needs Python with trl.
 *
 *     node --conditions=safetune-source conformance/trl-masks.ts
 */
import { type HiddenPart, tokenizeChat } from '../packages/datasets/src/index.ts';
import { runPython } from './python.ts';
import {
  type NamedTemplate,
  namedConversations,
  templateTokenizer,
  trainedTexts,
} from './template-tokenizer.ts';

/** What Python's transformers marks as the assistant's, or that it refuses. */
export interface Marked {
  readonly template: string;
  readonly conversation: string;
  readonly text?: string;
  readonly generated?: readonly string[];
  readonly error?: string;
}

/** The templates of models as trl has them, and what its assistant-only loss trains. */
export interface OfTrl {
  readonly version: string;
  readonly templates: Readonly<Record<string, string>>;
  /** By a model's template the one with marks that trl trains with in its place. */
  readonly training: Readonly<Record<string, string>>;
  /** Of the templates that it trains with. */
  readonly answers: readonly Marked[];
}

export const readTrl = async (): Promise<OfTrl> => (await runPython('make_masks.py', ['--trl'])) as OfTrl;

/** What is asked here is where responses stand, not whether all is shown. */
const allowHidden: readonly HiddenPart[] = [
  'tools',
  'chat_template_kwargs',
  'messages',
  'tool_calls',
  'arguments',
  'reasoning_content',
];

const conversations = new Map(namedConversations().map(({ name, ...example }) => [name, example]));

/** The text and what of it is trained here; or why it is refused. */
export type Masked =
  | { readonly text: string; readonly generated: readonly string[]; readonly error?: undefined }
  | { readonly text?: undefined; readonly generated?: undefined; readonly error: string };

export function masked(template: NamedTemplate, conversation: string): Masked {
  const tokenizer = templateTokenizer(template);
  try {
    const tokenized = tokenizeChat(conversations.get(conversation)!, tokenizer, {
      allowHidden,
      maxLength: 1e6,
    });
    return { text: tokenizer.decode([...tokenized.tokenIds]), generated: trainedTexts(tokenized, tokenizer) };
  } catch (error) {
    return { error: (error as Error).message };
  }
}

/**
 * Whether what is trained of a turn is what trl marks of it, but for a header before it, an opened or empty thought, and what stands
 * behind its end: Cohere's template closes a response and then the turn, and generation stops at the first; gpt-oss ends
 * earlier turns by what is no end of a turn.
 */
function isMarkedTurn(trained: string, marked: string): boolean {
  const at = marked.lastIndexOf(trained);
  return (
    at !== -1 &&
    /^(<\|END_OF_TURN_TOKEN\|>|<\|end\|>)?\s*$/.test(marked.slice(at + trained.length)) &&
    /^\s*(<[^<>]*>(assistant|model|CHATBOT)?\s*|<think>\s*|<\/think>\s*)*$/.test(marked.slice(0, at))
  );
}

/** Whether it is what trl marks, or that and the token which ends the turn. */
function isMarkedWithEnd(trained: string, marked: string): boolean {
  return trained.startsWith(marked) && /^(<[^<>]*>)?$/.test(trained.slice(marked.length));
}

/** Of one model's template: conversations that Python renders in the one that trl trains with, and those trained alike. */
export interface TrlComparison {
  readonly template: string;
  readonly rendered: number;
  /** In trl's template, which marks: the same turns, to the letter, and the end of the turn, which is trained here always. */
  readonly byMarks: number;
  /** In the model's own template, which writes the same text. */
  readonly sameText: number;
  /** Of these, the same turns but for {@link isMarkedTurn}. */
  readonly withoutMarks: number;
}

export function compareWithTrl({ templates, training, answers }: OfTrl): readonly TrlComparison[] {
  return Object.entries(training).map(([template, marking]) => {
    const rendered = answers.filter((answer) => answer.template === marking && answer.error === undefined);
    const count = (isSo: (answer: Marked) => boolean) => rendered.filter(isSo).length;
    const own = (name: string, { conversation }: Marked) =>
      masked({ name, template: templates[name]! }, conversation);
    const hasTurns =
      (name: string, isAlike: (trained: string, marked: string) => boolean) =>
      (answer: Marked): boolean => {
        const { text, generated = [] } = own(name, answer);
        const marked = answer.generated ?? [];
        return (
          text === answer.text &&
          generated.length === marked.length &&
          generated.every((said, index) => isAlike(said, marked[index]!))
        );
      };
    return {
      template,
      rendered: rendered.length,
      byMarks: count(hasTurns(marking, isMarkedWithEnd)),
      sameText: count((answer) => own(template, answer).text === answer.text),
      withoutMarks: count(hasTurns(template, isMarkedTurn)),
    };
  });
}

function table(comparisons: readonly TrlComparison[]): string {
  const line = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |`;
  const total = (of: (comparison: TrlComparison) => number) =>
    comparisons.reduce((sum, comparison) => sum + of(comparison), 0);
  const row = (name: string, pick: (of: (comparison: TrlComparison) => number) => number) =>
    line([
      name,
      pick(({ rendered }) => rendered),
      pick(({ byMarks }) => byMarks),
      `${pick(({ withoutMarks }) => withoutMarks)} of ${pick(({ sameText }) => sameText)}`,
    ]);
  return [
    line([
      'template',
      'conversations',
      "alike by trl's marks",
      'alike without marks, where the text is the same',
    ]),
    line(Array(4).fill('---')),
    ...comparisons.map((comparison) => row(comparison.template, (of) => of(comparison))),
    row('all', total),
  ].join('\n');
}

if (process.argv[1] === import.meta.filename) {
  const trl = await readTrl();
  console.log(`trl ${trl.version}\n\n${table(compareWithTrl(trl))}`);
}
