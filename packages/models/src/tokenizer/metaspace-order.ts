import { z } from 'zod';
import type { Place } from './place.ts';

const typed = z.looseObject({ type: z.string().optional() });

/** Components that make several characters of one, each of which then counts as the text's first. */
const widening = [
  'NFD',
  'NFKD',
  'NFKC',
  'NFC',
  'BertNormalizer',
  'Precompiled',
  'ByteLevel',
  'Prepend',
  'Replace',
  'Lowercase',
];

/**
 * Metaspace's scheme 'first' asks whether a word begins the text. With a word that came of the text's first character and is
 * not its beginning, Python has several answers: such orders of components are refused.
 */
export function checkMetaspaceOrder(normalizer: unknown, preTokenizer: unknown, place: Place): void {
  const steps = flatten(preTokenizer, 'pretokenizers');
  const first = steps.findIndex((step) => step.type === 'Metaspace' && step.prepend_scheme === 'first');
  if (first <= 0) return;
  const before = [...flatten(normalizer, 'normalizers'), ...steps.slice(0, first)];
  const culprit = before.find(({ type }) => widening.includes(type ?? '') || type === 'Metaspace');
  if (culprit !== undefined)
    place.refuse(
      `Metaspace with prepend_scheme 'first' behind another pre-tokenizer and ${culprit.type} is not supported`,
    );
}

/** The components of a sequence, and of those within, in their order. */
function flatten(content: unknown, key: string): z.output<typeof typed>[] {
  if (content == null) return [];
  const component = typed.parse(content);
  const inner = component[key];
  return component.type === 'Sequence' && Array.isArray(inner)
    ? inner.flatMap((step) => flatten(step, key))
    : [component];
}
