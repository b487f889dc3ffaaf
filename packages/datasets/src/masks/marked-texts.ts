import { type ChatMessage, callsTools, mapCalled, reasoningNames } from '../example/message.ts';
import { isObject } from '../json.ts';

/** A text that the author of a message gave, and that a mark stands in for. */
export interface MarkedText {
  /** Index of the message. */
  readonly message: number;
  readonly part: 'content' | 'reasoning' | 'tool_calls' | 'tool name';
  /** Without the white space at its ends, which stays beside the mark. */
  readonly text: string;
}

/** Messages whose texts were replaced by marks. */
export interface MarkedMessages {
  readonly messages: readonly ChatMessage[];
  readonly texts: readonly MarkedText[];
  /** Finds the marks; the first group is the place in `texts`. */
  readonly pattern: RegExp;
}

/**
 * The messages with a mark, a word that stands nowhere in `text`, for each text of the chosen ones: contents (thoughts between
 * <think> tags apart from the answer), reasoning, texts in arguments of tool calls. White space at their ends and the tags
 * stay, so that a template which strips or splits does the same to the marks. A message without any text has its first tool's
 * name marked.
 */
export function markTexts(
  messages: readonly ChatMessage[],
  isChosen: (message: ChatMessage, index: number) => boolean,
  text: string,
): MarkedMessages {
  let nonce = 0;
  while (text.includes(`Qz${nonce}x`)) nonce += 1;
  const texts: MarkedText[] = [];
  const marked = messages.map((message, index) => {
    if (!isChosen(message, index)) return message;
    const before = texts.length;
    const markOf = (part: MarkedText['part']) => (given: string) => {
      const core = given.trim();
      if (core === '') return given;
      texts.push({ message: index, part, text: core });
      const start = given.indexOf(core);
      return `${given.slice(0, start)}Qz${nonce}x${texts.length - 1}y${given.slice(start + core.length)}`;
    };
    const replaced = withTexts(message, markOf);
    return texts.length > before || !callsTools(message)
      ? replaced
      : withToolName(message, markOf('tool name'));
  });
  return { messages: marked, texts, pattern: new RegExp(`Qz${nonce}x(\\d+)y`, 'g') };
}

type Replace = (given: string) => string;

function withTexts(message: ChatMessage, replaceOf: (part: MarkedText['part']) => Replace): ChatMessage {
  const { content, tool_calls: calls } = message;
  const reasoning = replaceOf('reasoning');
  const changed: Record<string, unknown> = {};
  for (const name of reasoningNames) {
    const value = message[name];
    if (typeof value === 'string') changed[name] = reasoning(value);
  }
  if (typeof content === 'string') changed.content = betweenTags(content, replaceOf);
  else if (content != null)
    changed.content = content.map((part) => ({ ...part, text: replaceOf('content')(part.text) }));
  if (callsTools(message)) {
    changed.tool_calls = (calls ?? []).map((call) =>
      mapCalled(call, (called) => ({
        ...called,
        arguments: mapTexts(called.arguments, replaceOf('tool_calls')),
      })),
    );
  }
  return { ...message, ...changed };
}

/** Thoughts in the content, which many templates take out of it, apart from the rest. */
function betweenTags(content: string, replaceOf: (part: MarkedText['part']) => Replace): string {
  const pieces = content.split(/(<\/?think>)/);
  const lastTag = pieces.lastIndexOf('</think>');
  return pieces
    .map((piece, index) =>
      index % 2 === 1 ? piece : replaceOf(index < lastTag ? 'reasoning' : 'content')(piece),
    )
    .join('');
}

function withToolName(message: ChatMessage, replace: Replace): ChatMessage {
  const [first, ...rest] = message.tool_calls ?? [];
  const renamed = mapCalled(first ?? {}, (called) => ({ ...called, name: replace(String(called.name)) }));
  return { ...message, tool_calls: [renamed, ...rest] };
}

/** Every text in a value of JSON, but for the keys. */
function mapTexts(value: unknown, replace: Replace): unknown {
  if (typeof value === 'string') return replace(value);
  if (Array.isArray(value)) return value.map((item) => mapTexts(item, replace));
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, mapTexts(item, replace)]));
}
