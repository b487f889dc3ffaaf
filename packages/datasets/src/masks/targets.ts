import type { ChatExample } from '../example/example.ts';
import { type ChatMessage, callsTools } from '../example/message.ts';
import { messageWeight } from '../example/training-weight.ts';
import type { ChatTokenizer } from '../tokenizer.ts';
import { markedSpans } from './generation-marks.ts';
import { type RenderedChat, tryRender } from './rendering.ts';
import { type ResponseSpan, responseSpans } from './response-span.ts';

/** Which tokens are learned, and how much. */
export interface Targets {
  readonly responseMask: Uint8Array;
  readonly lossWeights?: Float32Array;
  /** The responses that are learned, where they were looked for. */
  readonly spans: readonly ResponseSpan[];
}

/**
 * The targets among the first `length` tokens: by the template's own marks, else by where its responses are located. A message
 * of weight 0 (`train: false`) is none.
 */
export function targetsOf(
  example: ChatExample,
  whole: RenderedChat,
  tokenizer: ChatTokenizer,
  length: number,
  supervise: 'responses' | 'last-response' | 'all',
): Targets {
  const responseMask = new Uint8Array(length);
  if (supervise === 'all') return { responseMask: responseMask.fill(1, 1), spans: [] };
  const lossWeights = new Float32Array(length);
  const last = example.messages.findLastIndex(({ role }) => role === 'assistant');
  const spans: ResponseSpan[] = [];
  for (const span of spansOf(example, whole, tokenizer, length, supervise)) {
    const { start, end, message } = span;
    if (supervise === 'last-response' && message !== last) continue;
    const weight = messageWeight(example.messages[message] ?? { role: 'assistant' });
    if (weight === 0) continue;
    responseMask.fill(1, start, end);
    lossWeights.fill(weight, start, end);
    spans.push(span);
  }
  responseMask[0] = 0;
  lossWeights[0] = 0;
  const isWeighed = lossWeights.some((weight, index) => weight !== responseMask[index]);
  return { responseMask, ...(isWeighed && { lossWeights }), spans };
}

function spansOf(
  example: ChatExample,
  whole: RenderedChat,
  tokenizer: ChatTokenizer,
  length: number,
  supervise: 'responses' | 'last-response',
): ResponseSpan[] {
  if (whole.generated === undefined) return responseSpans(example, whole, tokenizer, length);
  const isWeighed = example.messages.some(
    (message) => message.role === 'assistant' && messageWeight(message) !== 1,
  );
  return markedSpans(example, whole, tokenizer, isWeighed || supervise === 'last-response');
}

/**
 * The conversation with the token that ends its last turn. Some templates write none there, as what ends a turn is the header of
 * the next message (GLM-4): then that is put behind it, which the template writes there when the conversation goes on.
 */
export function closedWhole(
  example: ChatExample,
  whole: RenderedChat,
  tokenizer: ChatTokenizer,
): RenderedChat {
  const last = example.messages.at(-1);
  if (last?.role !== 'assistant' || whole.generated !== undefined || endsTurn(whole, tokenizer)) return whole;
  const { reasoning_content: _one, thinking: _two, reasoning: _three, ...others } = last;
  const plain = { ...others, content: 'Hello' };
  const token =
    tokenBehind(example, tokenizer, example.messages, whole.text) ??
    // A template that shows the thoughts of the last turn alone.
    tokenBehind(example, tokenizer, [{ role: 'user', content: 'Hello' }, plain]);
  if (token === undefined || !tokenizer.endOfTurnTokenIds.includes(token)) return whole;
  const appended = tokenizer.decode?.([token]) ?? '';
  return { ...whole, text: whole.text + appended, tokenIds: [...whole.tokenIds, token], appended };
}

/** The first token that the template writes behind messages, the last of them the assistant's, when they go on. */
function tokenBehind(
  example: ChatExample,
  tokenizer: ChatTokenizer,
  messages: readonly ChatMessage[],
  text = tryRender(example, tokenizer, messages, false),
): number | undefined {
  const last = messages.at(-1);
  const next: ChatMessage = { role: last && callsTools(last) ? 'tool' : 'user', content: 'Hello' };
  const longer = tryRender(example, tokenizer, [...messages, next], false);
  if (text === undefined || !longer?.startsWith(text)) return undefined;
  return tokenizer.encode(longer.slice(text.length))[0];
}

/** Whether the end of a turn stands at the end of the whole; white space and one more token may follow it. */
function endsTurn({ tokenIds }: RenderedChat, { endOfTurnTokenIds }: ChatTokenizer): boolean {
  return tokenIds.slice(-3).some((token) => endOfTurnTokenIds.includes(token));
}
