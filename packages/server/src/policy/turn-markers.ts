import type { ChatExample, ChatTokenizer } from '@safetune/datasets';
import { ApiError } from '../errors.ts';
import type { FilePurpose } from './read-training-file.ts';

/**
 * Texts of the special tokens by which a model's chat template marks turns. A message that holds one writes turns of its own, a system
 * message too: it would take back what a safeguard says in the first. Templates that mark turns by plain words have none.
 */
export function turnMarkers(tokenizer: ChatTokenizer): readonly string[] {
  const decode = tokenizer.decode?.bind(tokenizer);
  if (decode === undefined) return [];
  const ids = new Set([...tokenizer.encode(plainChat(tokenizer)), ...tokenizer.endOfTurnTokenIds]);
  return [...ids]
    .filter((id) => decode([id], { skipSpecialTokens: true }) === '')
    .map((id) => decode([id]))
    .filter((text) => text.trim() !== '');
}

/** A conversation as the template writes it. One that refuses so plain a one has only the tokens that end a turn. */
function plainChat(tokenizer: ChatTokenizer): string {
  const question = { role: 'user', content: 'a' } as const;
  const answer = { role: 'assistant', content: 'b' } as const;
  for (const messages of [[question, answer, question], [question]]) {
    try {
      return tokenizer.renderChat(messages, { addGenerationPrompt: true });
    } catch {
      // What is wrong is told by whoever renders a conversation that is meant.
    }
  }
  return '';
}

/** The first marker that something holds, in a string wherever it is, or in texts that a template puts behind each other. */
export function markerIn(value: unknown, markers: readonly string[]): string | undefined {
  const text = textsOf(value).join('');
  return markers.find((marker) => text.includes(marker));
}

/** @throws ApiError 400 with the line of the first example that holds a marker. */
export function refuseTurnMarkers(
  examples: readonly ChatExample[],
  tokenizer: ChatTokenizer,
  purpose: FilePurpose,
): void {
  const markers = turnMarkers(tokenizer);
  for (const { messages, rejected = [], tools = [], origin } of examples) {
    const marker = [...messages, ...rejected, ...tools]
      .map((value) => markerIn(value, markers))
      .find((found) => found !== undefined);
    if (marker === undefined) continue;
    throw new ApiError(
      400,
      `line ${origin?.line ?? 0}: a message holds ${marker}, by which the model's chat template marks turns; remove it`,
      { code: `invalid_${purpose}`, param: purpose },
    );
  }
}

/** Every string in a value, names of fields too. */
function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  if (Array.isArray(value)) return value.flatMap(partTexts);
  return Object.entries(value).flatMap(([name, inner]) => [name, '\n', ...textsOf(inner), '\n']);
}

/** Of a part of a message's content its text alone: its type does not stand between two texts. */
function partTexts(part: unknown): string[] {
  const { text } = (typeof part === 'object' && part !== null ? part : {}) as { readonly text?: unknown };
  return typeof text === 'string' ? [text] : textsOf(part);
}
