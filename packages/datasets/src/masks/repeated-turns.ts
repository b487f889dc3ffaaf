import { type ChatMessage, callsTools, messageReasoning, messageText } from '../example/message.ts';

/** Where a response lies in the text of the whole. */
export interface TextSpan {
  /** Behind the prompt. */
  readonly start: number;
  /** Behind the closed turn (`closed`), or behind what the template kept of the content. */
  readonly end: number;
  readonly closed: boolean;
  /** Set where the template ends the turn by the end-of-turn token only while it is the last (gpt-oss). */
  readonly endsOtherwise?: true;
}

type ContentForm = (content: string) => string;

const afterThinking: ContentForm = (content) => content.slice(content.lastIndexOf('</think>') + 8);

/** What templates make of a content: nothing, stripped, or without its thinking. */
const contentForms: readonly ContentForm[] = [
  (content) => content,
  (content) => content.trim(),
  (content) => (content.includes('</think>') ? afterThinking(content).trim() : content.trim()),
];

/** The fixed text around the contents, from the end of one response to the end of the next. */
interface TurnPattern {
  readonly closed: boolean;
  /** Before each content, and behind the last. */
  readonly literals: readonly string[];
  /** How each content is written. */
  readonly forms: readonly ContentForm[];
  /** From the response's start to its content: what a template writes that its generation prompt does not. */
  readonly opening: number;
}

/**
 * Finds the next response of a long conversation without rendering it up to there: when the text behind the last response
 * reads, letter by letter, as earlier turns of the same roles did with these contents put in.
 */
export class RepeatedTurns {
  readonly #patterns = new Map<string, TurnPattern>();
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** Where the response of the last of `messages` lies, which follow the response at `previous`. */
  predict(previous: TextSpan, messages: readonly ChatMessage[]): TextSpan | undefined {
    const pattern = this.#patterns.get(keyOf(previous, messages));
    if (pattern === undefined || !messages.every(isPlain)) return undefined;
    let position = previous.end;
    let start = position;
    for (const [index, literal] of pattern.literals.entries()) {
      if (!this.#text.startsWith(literal, position)) return undefined;
      position += literal.length;
      const message = messages[index];
      if (message === undefined) break;
      start = position - pattern.opening;
      const content = pattern.forms[index]?.(messageText(message)) ?? '';
      if (!this.#text.startsWith(content, position)) return undefined;
      position += content.length;
    }
    return { start, end: position, closed: pattern.closed };
  }

  /** Takes in how a response that was located by rendering follows the one before it. */
  learn(previous: TextSpan, messages: readonly ChatMessage[], located: TextSpan): void {
    if (!messages.every(isPlain)) return;
    const text = this.#text.slice(previous.end, located.end);
    const literals: string[] = [];
    const forms: ContentForm[] = [];
    let position = 0;
    let contentAt = 0;
    for (const [index, message] of messages.entries()) {
      const content = messageText(message);
      const isLast = index === messages.length - 1;
      const from = isLast ? located.start - previous.end : position;
      // Of a turn that is written otherwise while it is the last, the end was found behind its stripped content.
      const possible = isLast && !located.closed ? contentForms.slice(1) : contentForms;
      const form = possible.find((candidate) => text.includes(candidate(content), from));
      if (form === undefined) return;
      const written = form(content);
      contentAt = text.indexOf(written, from);
      literals.push(text.slice(position, contentAt));
      forms.push(form);
      position = contentAt + written.length;
    }
    literals.push(text.slice(position));
    const opening = previous.end + contentAt - located.start;
    this.#patterns.set(keyOf(previous, messages), { closed: located.closed, literals, forms, opening });
  }
}

/** Whether all that a message says is its content. */
function isPlain(message: ChatMessage): boolean {
  return (
    typeof message.content === 'string' && !callsTools(message) && messageReasoning(message) === undefined
  );
}

function keyOf({ closed }: TextSpan, messages: readonly ChatMessage[]): string {
  return JSON.stringify([closed, ...messages.map(({ role }) => role)]);
}
