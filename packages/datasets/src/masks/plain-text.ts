import { ChatTemplateError } from '../errors.ts';
import { type ChatExample, describeExample } from '../example/example.ts';
import type { ChatTokenizer } from '../tokenizer.ts';
import type { RenderedChat } from './rendering.ts';

/** A plain text as training sees it. @throws {@link ChatTemplateError} for a tokenizer that encodes conversations only. */
export function wholeText(example: ChatExample, text: string, tokenizer: ChatTokenizer): RenderedChat {
  const tokenIds = tokenizer.encodeDocument?.(text);
  if (tokenIds !== undefined) return { text, generated: undefined, tokenIds };
  throw new ChatTemplateError(
    describeExample(example),
    example.origin,
    'this is plain text, and the tokenizer has no encodeDocument. Add it, or write the text as messages.',
  );
}

/** A tokenized text in pieces of at most `maxLength` tokens. Neighbours share a token, so that each but the first is a target once. */
export function* cutText<Whole extends { readonly tokenIds: Int32Array }>(
  whole: Whole,
  maxLength: number,
): Generator<Whole & { readonly responseMask: Uint8Array }> {
  const { tokenIds } = whole;
  for (let start = 0; start === 0 || start < tokenIds.length - 1; start += maxLength - 1) {
    const piece = tokenIds.slice(start, start + maxLength);
    yield { ...whole, tokenIds: piece, responseMask: new Uint8Array(piece.length).fill(1, 1) };
  }
}
