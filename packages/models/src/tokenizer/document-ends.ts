import { z } from 'zod';

/** Special tokens that stand around a whole text. */
export interface DocumentEnds {
  readonly before: readonly number[];
  readonly after: readonly number[];
}

const templateProcessing = z.looseObject({
  type: z.literal('TemplateProcessing'),
  single: z.array(z.looseObject({ SpecialToken: z.looseObject({ id: z.string() }).optional() })),
  special_tokens: z.record(z.string(), z.looseObject({ ids: z.array(z.number()) })),
});

const tokenAndId = z.tuple([z.string(), z.number()]);
const bertProcessing = z.looseObject({
  type: z.enum(['BertProcessing', 'RobertaProcessing']),
  cls: tokenAndId,
  sep: tokenAndId,
});

const sequence = z.looseObject({ type: z.literal('Sequence'), processors: z.array(z.unknown()) });

/**
 * What a tokenizer puts around a text that is no conversation, as Python's does with `add_special_tokens`: said by the
 * post-processor, else by `add_bos_token` of tokenizer_config.json. Behind it stands the token that ends a text, as trl puts it
 * there for training, unless it does already.
 *
 * @param postProcessor of tokenizer.json, checked.
 */
export function documentEnds(
  postProcessor: unknown,
  config: Readonly<Record<string, unknown>>,
  { bos, eos }: { readonly bos: number | undefined; readonly eos: number | undefined },
): DocumentEnds {
  const isAdded = config.add_bos_token === true && bos !== undefined;
  const { before, after } = endsOf(postProcessor) ?? { before: isAdded ? [bos] : [], after: [] };
  return { before, after: eos === undefined || after.at(-1) === eos ? after : [...after, eos] };
}

function endsOf(processor: unknown): DocumentEnds | undefined {
  const steps = sequence.safeParse(processor).data?.processors;
  if (steps !== undefined) return steps.map(endsOf).find((ends) => ends !== undefined);
  const bert = bertProcessing.safeParse(processor).data;
  if (bert !== undefined) return { before: [bert.cls[1]], after: [bert.sep[1]] };
  const template = templateProcessing.safeParse(processor).data;
  if (template === undefined) return undefined;
  const { single, special_tokens: tokens } = template;
  const text = single.findIndex(({ SpecialToken: token }) => token === undefined);
  const idsOf = (pieces: typeof single) =>
    pieces.flatMap(({ SpecialToken: token }) => (token === undefined ? [] : (tokens[token.id]?.ids ?? [])));
  return { before: idsOf(single.slice(0, text)), after: idsOf(single.slice(text + 1)) };
}
