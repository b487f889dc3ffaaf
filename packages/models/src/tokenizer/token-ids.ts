import { z } from 'zod';

const tokenId = z.number().int().nonnegative();

/** Ids where they are valid; `loadModel` reports where they are not. */
const ids = z.looseObject({
  eos_token_id: z.union([tokenId.transform((id) => [id]), z.array(tokenId)]).catch([]),
  pad_token_id: tokenId.optional().catch(undefined),
});

/**
 * The token ids that end a turn and that pad, gathered from where checkpoints name them.
 *
 * @param sources.files contents of generation_config.json and config.json, the first of which wins
 * @param sources.eos id of the tokenizer's end token
 * @param sources.pad id of the tokenizer's padding token
 * @param sources.afterAnswer id of the token that the chat template puts after an answer
 */
export function specialTokenIds(sources: {
  readonly files: readonly unknown[];
  readonly eos: number | undefined;
  readonly pad: number | undefined;
  readonly afterAnswer: number | undefined;
}): { endOfTurnTokenIds: readonly number[]; padTokenId: number } {
  const files = sources.files.flatMap((content) => (content === undefined ? [] : [ids.parse(content)]));
  const ends = [sources.afterAnswer, sources.eos, ...files.flatMap(({ eos_token_id: eos }) => eos)];
  const endOfTurnTokenIds = [...new Set(ends.filter((id) => id !== undefined))];
  const pads = [
    sources.pad,
    ...files.map(({ pad_token_id: pad }) => pad),
    sources.eos,
    ...endOfTurnTokenIds,
    0,
  ];
  return { endOfTurnTokenIds, padTokenId: pads.find((id) => id !== undefined)! };
}
