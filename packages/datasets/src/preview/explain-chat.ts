import {
  ChatExampleError,
  ChatTemplateError,
  ExampleTooLongError,
  NoSupervisedTokensError,
  TokenOutOfVocabularyError,
} from '../errors.ts';
import type { ChatExample } from '../example/example.ts';
import {
  maskedTargets,
  requireTokenizeOptions,
  type TokenizeOptions,
  tokenizeChat,
  wholeChat,
} from '../masks/response-mask.ts';
import type { ResponseSpan } from '../masks/response-span.ts';
import type { ChatTokenizer } from '../tokenizer.ts';

/** What {@link explainChat} tells of an example. */
export interface ExplainedChat {
  /** All tokens of the conversation, those behind `maxLength` too; none where the template refuses it. */
  readonly tokenIds: readonly number[];
  /** [kept tokens], 1 where the token is learned; missing where the example is refused or left out. */
  readonly responseMask?: Uint8Array;
  /** [kept tokens], of the loss of each target; missing where every target weighs 1. */
  readonly lossWeights?: Float32Array;
  /** The responses that are learned, each with the rule that found it; none under `supervise: 'all'`. */
  readonly spans: readonly ResponseSpan[];
  /** Why training would refuse the example: what `tokenizeChat` throws. */
  readonly refusal?: Error;
}

const refusals = [
  ChatTemplateError,
  ChatExampleError,
  NoSupervisedTokensError,
  TokenOutOfVocabularyError,
  ExampleTooLongError,
];

/**
 * What `tokenizeChat` makes of an example, and why: all of its tokens, which of them are learned, the rule that found each
 * response, or the reason of a refusal, which is told and not thrown. An example that `onTooLong` leaves out has neither mask nor
 * refusal. Of a pair it tells the better answer, and refuses for either.
 *
 * @throws {@link DatasetOptionError}
 */
export function explainChat(
  example: ChatExample,
  tokenizer: ChatTokenizer,
  options: TokenizeOptions = {},
): ExplainedChat {
  requireTokenizeOptions('explainChat', options);
  let tokenIds: readonly number[] = [];
  try {
    const { rejected, ...better } = example;
    const whole = wholeChat(better, tokenizer);
    tokenIds = whole.tokenIds;
    const masked = maskedTargets(better, whole, tokenizer, options);
    if (rejected !== undefined) tokenizeChat({ ...better, messages: rejected }, tokenizer, options);
    return { tokenIds, spans: [], ...masked?.targets };
  } catch (error) {
    if (!refusals.some((refusal) => refusal.isInstance(error))) throw error;
    return { tokenIds, spans: [], refusal: error as Error };
  }
}
