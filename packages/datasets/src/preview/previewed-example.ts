import type { ChatExample } from '../example/example.ts';
import type { TokenizeOptions } from '../masks/response-mask.ts';
import type { MaskRule } from '../masks/response-span.ts';
import type { ChatTokenizer } from '../tokenizer.ts';
import { explainChat } from './explain-chat.ts';
import { type TokenText, tokenTexts } from './token-texts.ts';

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
