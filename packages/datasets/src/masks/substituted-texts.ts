import type { ChatExample } from '../example/example.ts';
import type { ChatTokenizer } from '../tokenizer.ts';
import { headerEnd, sharedLength } from './generation-prompt.ts';
import { type MarkedMessages, type MarkedText, markTexts } from './marked-texts.ts';
import { type RenderedChat, templateText, tryRender } from './rendering.ts';
import type { TextSpan } from './repeated-turns.ts';

/** Where one text of a message stands in the rendered conversation. */
interface PlacedText extends MarkedText {
  readonly start: number;
  readonly end: number;
}

/**
 * Finds responses where a template writes what stands before them otherwise than it does in their prompt: it drops earlier
 * thinking (Qwen3, DeepSeek-R1), puts the system prompt into the last question (Mistral), or opens a thought in its generation
 * prompt.
 *
 * All texts of the assistant are replaced by marks and rendered once. The conversation must read, letter by letter, as that
 * does with the texts in the place of the marks (as they are, or as JSON writes them): then it is known of every letter whose
 * it is. What does not, such as a template that counts letters, is not located.
 */
export class SubstitutedTexts {
  readonly #example: ChatExample;
  readonly #whole: RenderedChat;
  readonly #tokenizer: ChatTokenizer;
  #marks: MarkedMessages | undefined;
  #found:
    | { readonly shown: ReadonlySet<number>; readonly placed: readonly PlacedText[] | undefined }
    | undefined;

  constructor(example: ChatExample, whole: RenderedChat, tokenizer: ChatTokenizer) {
    this.#example = example;
    this.#whole = whole;
    this.#tokenizer = tokenizer;
  }

  get #marked(): MarkedMessages {
    this.#marks ??= markTexts(this.#example.messages, ({ role }) => role === 'assistant', this.#whole.text);
    return this.#marks;
  }

  /** Texts of the assistant that the rendered conversation does not show. */
  hidden(): readonly MarkedText[] {
    const { shown } = this.#find();
    return this.#marked.texts.filter((_, index) => !shown.has(index));
  }

  /** Where the response of a message lies; undefined when it is not known beyond doubt. */
  span(messageIndex: number): TextSpan | undefined {
    const { placed } = this.#find();
    const own = placed?.filter(({ message }) => message === messageIndex) ?? [];
    const [first] = own;
    if (placed === undefined || first === undefined) return undefined;
    const from = placed.findLast(({ message }) => message < messageIndex)?.end ?? 0;
    const start = headerEnd(this.#example, messageIndex, this.#whole, this.#tokenizer, from, first.start);
    if (start === undefined) return undefined;
    // A tool's name may be written again by the tool's own message.
    const end = (first.part === 'tool name' ? first : (own.at(-1) ?? first)).end;
    return this.#closed(messageIndex, start, end);
  }

  /** With what the template writes behind the response when it is the last, or as much of it as stands there. */
  #closed(messageIndex: number, start: number, end: number): TextSpan | undefined {
    const { messages, texts, pattern } = this.#marked;
    const through = tryRender(this.#example, this.#tokenizer, messages.slice(0, messageIndex + 1), false);
    const marks = [...(through ?? '').matchAll(pattern)].filter(
      ([, index]) => texts[Number(index)]?.message === messageIndex,
    );
    const isNamed = marks.some(([, index]) => texts[Number(index)]?.part === 'tool name');
    const mark = isNamed ? marks[0] : marks.at(-1);
    if (through === undefined || mark === undefined) return undefined;
    const closing = through.slice(mark.index + mark[0].length);
    const { text } = this.#whole;
    const shared = sharedLength(closing, text.slice(end, end + closing.length));
    if (shared === closing.length || this.#endsTurn(closing.slice(0, shared)))
      return { start, end: end + shared, closed: true };
    return this.#endsTurn(closing)
      ? { start, end: end + shared, closed: false, endsOtherwise: true }
      : { start, end, closed: false };
  }

  #endsTurn(text: string): boolean {
    const { endOfTurnTokenIds } = this.#tokenizer;
    return this.#tokenizer.encode(text).some((token) => endOfTurnTokenIds.includes(token));
  }

  #find() {
    this.#found ??= this.#search();
    return this.#found;
  }

  #search() {
    const { messages, texts, pattern } = this.#marked;
    const marked = tryRender(this.#example, this.#tokenizer, messages, false);
    if (marked === undefined) return { shown: new Set(texts.keys()), placed: undefined };
    const marks = [...marked.matchAll(pattern)];
    const shown = new Set(marks.map(([, index]) => Number(index)));
    return { shown, placed: this.#place(marked, marks) };
  }

  #place(marked: string, marks: readonly RegExpExecArray[]): readonly PlacedText[] | undefined {
    const text = templateText(this.#whole);
    const placed: PlacedText[] = [];
    const literal = (number: number) => {
      const before = marks[number - 1];
      return marked.slice(before === undefined ? 0 : before.index + before[0].length, marks[number]?.index);
    };
    if (!text.startsWith(literal(0))) return undefined;
    let position = literal(0).length;
    for (const [number, [, index]] of marks.entries()) {
      const own = this.#marked.texts[Number(index)] as MarkedText;
      const following = literal(number + 1);
      const written = writtenForms(own.text).find(
        (form) => text.startsWith(form, position) && text.startsWith(following, position + form.length),
      );
      if (written === undefined) return undefined;
      placed.push({ ...own, start: position, end: position + written.length });
      position += written.length + following.length;
    }
    return position === text.length ? placed : undefined;
  }
}

/** How templates write a text: as it is, or as JSON does, with or without letters beyond ASCII. */
function writtenForms(text: string): string[] {
  const json = JSON.stringify(text).slice(1, -1);
  const ascii = json.replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return [text, json, ascii];
}
