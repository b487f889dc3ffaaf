import {
  type ChatExample,
  type ChatTokenizer,
  explainChat,
  type MaskRule,
  type TokenizeOptions,
  type TokenText,
  tokenTexts,
} from '@safetune/datasets';

/** A token with what training makes of it. */
export interface PreviewedToken extends TokenText {
  /** Of its loss: 0 where it is not learned. */
  readonly weight: number;
  /** Behind the longest length: training does not see it. */
  readonly isCut: boolean;
  /** The message (-1: not known) whose answer it belongs to, and how that was found. */
  readonly answer?: { readonly message: number; readonly rule: MaskRule };
}

/** An example as it is shown; of a pair, one of its answers. */
export interface PreviewedExample {
  /** File and line, and which answer of a pair. */
  readonly where: string;
  /** Who speaks, in order. */
  readonly roles: readonly string[];
  readonly tokens: readonly PreviewedToken[];
  readonly learned: number;
  readonly cut: number;
  /** How its answers were found. */
  readonly rules: readonly MaskRule[];
  /** Why training would refuse it. */
  readonly refusal?: string;
}

export const ruleTexts: Readonly<Record<MaskRule, string>> = {
  'generation-marks': "the template's {% generation %} marks",
  prefixes: 'verified prefixes: the conversation rendered up to it begins the whole',
  'repeated-turns': 'repeated turns: the text goes on as earlier turns did, checked at some of them',
  'substituted-texts': "marks put in the place of the assistant's texts",
};

/** What an example shows; of a pair, the conversation with the better answer and that with the worse one. */
export function previewExamples(
  example: ChatExample,
  tokenizer: ChatTokenizer,
  options: TokenizeOptions,
): readonly PreviewedExample[] {
  const { rejected, ...better } = example;
  if (rejected === undefined) return [previewExample(example, tokenizer, options)];
  const answers = [
    { name: 'better answer', conversation: better },
    { name: 'worse answer', conversation: { ...better, messages: rejected } },
  ].map(({ name, conversation }) => {
    const shown = previewExample(conversation, tokenizer, options);
    return { name, shown: { ...shown, where: `${shown.where}, ${name}` } };
  });
  const refused = answers.find(({ shown }) => shown.refusal !== undefined);
  // A pair is trained on with both answers, or not at all.
  return answers.map(({ shown }) =>
    refused === undefined || shown.refusal !== undefined
      ? shown
      : { ...shown, refusal: `with its ${refused.name}, which is refused` },
  );
}

function previewExample(
  example: ChatExample,
  tokenizer: ChatTokenizer,
  options: TokenizeOptions,
): PreviewedExample {
  const { tokenIds, responseMask, lossWeights, spans, refusal } = explainChat(example, tokenizer, options);
  const kept = Math.min(tokenIds.length, options.maxLength ?? 2048);
  const tokens = tokenTexts(tokenIds, tokenizer).map((token, index) => {
    const answer = spans.find(({ start, end }) => index >= start && index < end);
    return {
      ...token,
      weight: lossWeights?.[index] ?? responseMask?.[index] ?? 0,
      isCut: index >= kept,
      ...(answer && { answer }),
    };
  });
  return {
    where: example.origin === undefined ? 'example' : `${example.origin.file}:${example.origin.line}`,
    roles:
      example.text === undefined ? example.messages.map(({ role }) => role) : ['a text, without a template'],
    tokens,
    learned: tokens.filter(({ weight }) => weight > 0).length,
    cut: tokenIds.length - kept,
    rules: [...new Set(spans.map(({ rule }) => rule))],
    ...(refusal && { refusal: refusal.message }),
  };
}

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
