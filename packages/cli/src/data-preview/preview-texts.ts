import type { MaskRule, PreviewedExample } from '@safetune/datasets';

/** How responses were found, in words. */
export const ruleTexts: Readonly<Record<MaskRule, string>> = {
  'generation-marks': "the template's {% generation %} marks",
  prefixes: 'verified prefixes: the conversation rendered up to it begins the whole',
  'repeated-turns': 'repeated turns: the text goes on as earlier turns did, checked at some of them',
  'substituted-texts': "marks put in the place of the assistant's texts",
};

/** `412 tokens, 120 learned (29 %), 40 cut off`, as far as there is something to say. */
export function countsText({ tokens, learned, cut, refusal }: PreviewedExample): string {
  const kept = tokens.length - cut;
  const share = kept === 0 ? '' : ` (${Math.round((100 * learned) / kept)} %)`;
  return [
    `${tokens.length} tokens`,
    ...(refusal === undefined ? [`${learned} learned${share}`] : []),
    ...(cut > 0 ? [`${cut} cut off`] : []),
  ].join(', ');
}
