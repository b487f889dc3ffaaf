import { EmptyDatasetError, ExampleTooLongError, NoSupervisedTokensError } from './errors.ts';
import { type ChatExample, describeExample } from './example.ts';
import type { ExampleOrigin } from './origin.ts';
import { type RenderedChat, renderWhole, responseSpan } from './response-span.ts';
import { requireInteger, type Source } from './stream.ts';
import type { ChatTokenizer } from './tokenizer.ts';

/** An example as a model sees it. */
export interface TokenizedExample {
  /** [length] */
  readonly tokenIds: Int32Array;
  /** [length], 1 where the token is a TARGET: predicted from the tokens before it. Position 0 is never one. */
  readonly responseMask: Uint8Array;
  readonly tags: readonly string[];
  readonly origin?: ExampleOrigin;
}

/** What to learn from an example, and how long it may be. */
export interface TokenizeOptions {
  /** Most tokens an example may have. Default 2048 (arXiv 2508.06249). */
  readonly maxLength?: number;
  /**
   * `responses` (default): the assistants' contents and their end-of-turn tokens.
   * `all`: every token but the first, as in pre-training.
   */
  readonly supervise?: 'responses' | 'all';
  /**
   * A longer example is cut at its end (`truncate`, default), left out (`skip`) or refused (`error`). One whose responses
   * all lie behind the cut has nothing to teach: `truncate` refuses it, `truncate-or-skip` leaves it out.
   */
  readonly onTooLong?: 'truncate' | 'truncate-or-skip' | 'skip' | 'error';
}

/**
 * Token ids and targets of one conversation. The whole is encoded once, so that training sees the tokens inference sees.
 *
 * @returns the tokenized example, or `undefined` when it is too long and `onTooLong` is `skip`.
 * @throws {@link NoSupervisedTokensError} when nothing is left to learn: no assistant message, only empty ones, or all of
 * them behind `maxLength`; {@link ExampleTooLongError} under `onTooLong: 'error'`; {@link ChatTemplateError} when the template
 * refuses the conversation or hides its responses; {@link DatasetOptionError} for a `maxLength` under 2.
 */
export function tokenizeChat(
  example: ChatExample,
  tokenizer: ChatTokenizer,
  options?: TokenizeOptions & { readonly onTooLong?: 'truncate' | 'error' },
): TokenizedExample;
export function tokenizeChat(
  example: ChatExample,
  tokenizer: ChatTokenizer,
  options?: TokenizeOptions,
): TokenizedExample | undefined;
export function tokenizeChat(
  example: ChatExample,
  tokenizer: ChatTokenizer,
  { maxLength = 2048, supervise = 'responses', onTooLong = 'truncate' }: TokenizeOptions = {},
): TokenizedExample | undefined {
  requireInteger('maxLength', maxLength, 2);
  const whole = renderWhole(example, tokenizer);
  const length = whole.tokenIds.length;
  if (length > maxLength && onTooLong === 'skip') return undefined;
  if (length > maxLength && onTooLong === 'error') {
    throw new ExampleTooLongError(describeExample(example), example.origin, length, maxLength);
  }

  const mask =
    supervise === 'all' ? new Uint8Array(length).fill(1) : maskResponses(example, whole, tokenizer);
  mask[0] = 0;
  const tokenIds = Int32Array.from(whole.tokenIds).slice(0, maxLength);
  const responseMask = mask.slice(0, maxLength);

  const endOfTurn = new Set(tokenizer.endOfTurnTokenIds);
  const teaches = responseMask.some(
    (target, index) => target === 1 && (supervise === 'all' || !endOfTurn.has(tokenIds[index] ?? -1)),
  );
  if (!teaches) {
    if (length > maxLength && onTooLong === 'truncate-or-skip') return undefined;
    throw new NoSupervisedTokensError(
      describeExample(example),
      example.origin,
      length > maxLength
        ? `all responses lie behind the first ${maxLength} of ${length} tokens, so nothing is left to learn. ` +
            `Raise maxLength, or set onTooLong to 'truncate-or-skip'.`
        : 'there is no token to learn: no assistant message, or only empty ones. Remove the example.',
    );
  }
  return {
    tokenIds,
    responseMask,
    tags: example.tags ?? [],
    ...(example.origin && { origin: example.origin }),
  };
}

function maskResponses(example: ChatExample, whole: RenderedChat, tokenizer: ChatTokenizer): Uint8Array {
  const mask = new Uint8Array(whole.tokenIds.length);
  for (const [index, message] of example.messages.entries()) {
    if (message.role !== 'assistant') continue;
    const { start, end } = responseSpan(example, index, whole, tokenizer);
    mask.fill(1, start, end);
  }
  return mask;
}

/** Options of {@link tokenizeChats}. */
export interface TokenizeStreamOptions extends TokenizeOptions {
  /** Hears of every example left out by `onTooLong`. Without it the process warns once. */
  readonly onSkipped?: (example: ChatExample) => void;
}

/**
 * {@link tokenizeChat} over a stream, in its order.
 *
 * @throws {@link EmptyDatasetError} when every example is left out as too long (found after one round of a source that
 * repeats); and what {@link tokenizeChat} throws.
 */
export async function* tokenizeChats(
  source: Source<ChatExample>,
  tokenizer: ChatTokenizer,
  { onSkipped = warnOnce(), ...options }: TokenizeStreamOptions = {},
): AsyncGenerator<TokenizedExample, void, undefined> {
  const skipped = new Set<unknown>();
  let anyKept = false;
  for await (const example of source) {
    const tokenized = tokenizeChat(example, tokenizer, options);
    if (tokenized) {
      anyKept = true;
      yield tokenized;
      continue;
    }
    onSkipped(example);
    if (anyKept) continue;
    // A source that repeats for ever, and whose every example is too long, must not be walked for ever.
    const identity = example.origin ? `${example.origin.file}:${example.origin.line}` : example;
    if (skipped.has(identity)) throw nothingFits(skipped.size, options.maxLength);
    skipped.add(identity);
  }
  if (!anyKept && skipped.size > 0) throw nothingFits(skipped.size, options.maxLength);
}

function nothingFits(count: number, maxLength = 2048): EmptyDatasetError {
  return new EmptyDatasetError(
    `all ${count} examples are too long for maxLength ${maxLength} and were left out. Raise maxLength.`,
  );
}

function warnOnce(): (example: ChatExample) => void {
  let warned = false;
  return (example) => {
    if (warned) return;
    warned = true;
    const message = `examples too long for maxLength are left out, the first is ${describeExample(example)}`;
    process.emitWarning(message, { code: 'SAFETUNE_EXAMPLE_SKIPPED' });
  };
}
