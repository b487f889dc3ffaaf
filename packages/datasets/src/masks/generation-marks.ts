import type { ChatExample } from '../example/example.ts';
import type { ChatTokenizer } from '../tokenizer.ts';
import { failure } from './generation-prompt.ts';
import { type RenderedChat, renderMarked } from './rendering.ts';
import type { ResponseSpan } from './response-span.ts';
import { tokenBorders } from './token-borders.ts';

/**
 * The tokens in the template's `{% generation %}` blocks, as transformers' `return_assistant_tokens_mask` gives them: from the
 * token with a block's first character to the one with its last. An end-of-turn token right behind a block that holds none is
 * taken too, else nothing would teach to stop.
 *
 * @param whole - with `generated`.
 * @throws {@link ChatTemplateError} when it matters whose a block is (weights, the last response) and that is not known.
 */
export function markedSpans(
  example: ChatExample,
  whole: RenderedChat,
  tokenizer: ChatTokenizer,
  needsMessages: boolean,
): ResponseSpan[] {
  const blocks = whole.generated ?? [];
  const owners = needsMessages ? ownersOf(example, whole, tokenizer) : undefined;
  const borders = tokenBorders(whole, tokenizer);
  const isEnd = (at: number) => tokenizer.endOfTurnTokenIds.includes(whole.tokenIds[at] ?? -1);
  return blocks.map((block, index) => {
    const message = owners?.[index] ?? -1;
    const start = borders.before(block.start);
    if (block.end === block.start) return { start, end: start, message, rule: 'generation-marks' };
    let end = borders.through(block.end);
    const stops = whole.tokenIds.slice(start, end).some((_, offset) => isEnd(start + offset));
    if (!stops && isEnd(end)) end += 1;
    return { start, end, message, rule: 'generation-marks' };
  });
}

/**
 * The message of each block: in order where each response has one, else by those that the conversation has up to each response,
 * which must stand where they do in the whole.
 */
function ownersOf(example: ChatExample, whole: RenderedChat, tokenizer: ChatTokenizer): number[] {
  const blocks = whole.generated ?? [];
  const count = blocks.length;
  const { messages } = example;
  const responses = [...messages.keys()].filter((index) => messages[index]?.role === 'assistant');
  if (responses.length === count) return responses;
  const owners: number[] = [];
  const isKnown = responses.every((index) => {
    const { generated = [] } = renderMarked(example, tokenizer, messages.slice(0, index + 1));
    while (owners.length < generated.length) owners.push(index);
    return generated.every(
      ({ start, end }, place) => blocks[place]?.start === start && blocks[place]?.end === end,
    );
  });
  if (isKnown && owners.length === count) return owners;
  throw failure(
    example,
    responses.at(-1) ?? 0,
    `the chat template marks ${count} texts of ${responses.length} responses by {% generation %}, and it is unclear whose each is. ` +
      'Leave out weights ("weight", "train") and supervise all responses, or mark each response once.',
  );
}
