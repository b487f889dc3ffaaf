import { EmptyDatasetError, ExampleTooLongError, NoSupervisedTokensError } from '../errors.ts';
import { type ChatExample, describeExample, requireSupportedKeys } from '../example/example.ts';
import type { ChatMessage } from '../example/message.ts';
import { requireChoice, requireInteger, requireKnownOptions } from '../options.ts';
import type { ExampleOrigin } from '../origin.ts';
import { withEpochsOf } from '../streams/epochs.ts';
import type { Source } from '../streams/stream.ts';
import type { ChatTokenizer } from '../tokenizer.ts';
import { type HiddenPart, hiddenParts, requireShown } from './hidden-parts.ts';
import { cutText, wholeText } from './plain-text.ts';
import { type RenderedChat, renderWhole } from './rendering.ts';
import { closedWhole, type Targets, targetsOf } from './targets.ts';
import { requireVocabulary } from './vocabulary.ts';

/** An example as a model sees it. */
export interface TokenizedExample {
  /** [length] */
  readonly tokenIds: Int32Array;
  /** [length], 1 where the token is a TARGET: predicted from the tokens before it. Position 0 is never one. */
  readonly responseMask: Uint8Array;
  /**
   * [length], of the loss of each target, from 0 (excluded) to 1; 0 where there is none. Missing where every target weighs 1.
   * The loss is the weighted mean: the sum of weight and loss, divided by the sum of the weights.
   */
  readonly lossWeights?: Float32Array;
  readonly tags: readonly string[];
  readonly origin?: ExampleOrigin;
  /** The worse answer of a pair, tokenized with its prompt; this is the better one. */
  readonly rejected?: TokenizedExample;
}

/** Which tokens can be learned. */
export const supervisions = ['responses', 'last-response', 'all'] as const;
export type Supervision = (typeof supervisions)[number];

/** What to learn from an example, and how long it may be. */
export interface TokenizeOptions {
  /** Most tokens an example may have. Default 2048 (arXiv 2508.06249). */
  readonly maxLength?: number;
  /**
   * `responses` (default): what the assistant says (the thoughts that the template shows, contents, tool calls) and the
   * end-of-turn tokens. `last-response`: only the last of them. `all`: every token but the first, as in pre-training.
   */
  readonly supervise?: Supervision;
  /**
   * What of an example the template may leave out, as Python's transformers does without a word: without it that is refused.
   * Default: nothing. See {@link HiddenPart}.
   */
  readonly allowHidden?: readonly HiddenPart[];
  /**
   * A longer example is cut at its end (`truncate`, default), left out (`skip`) or refused (`error`). One whose responses
   * all lie behind the cut has nothing to teach: `truncate` refuses it, `truncate-or-skip` leaves it out.
   */
  readonly onTooLong?: 'truncate' | 'truncate-or-skip' | 'skip' | 'error';
  /**
   * Tokens the model knows: rows of its embeddings. Ids from there on are refused, by the token's text and the example.
   * Default: not checked.
   */
  readonly vocabularySize?: number;
}

const optionNames = ['maxLength', 'supervise', 'allowHidden', 'onTooLong', 'vocabularySize'];

/**
 * Token ids and targets of one conversation. The whole is encoded once, so that training sees the tokens inference sees.
 *
 * @returns the tokenized example, or `undefined` when it is too long and `onTooLong` is `skip`.
 * @throws {@link NoSupervisedTokensError} when nothing is left to learn: no assistant message, only empty ones, or all of
 * them behind `maxLength`; {@link ExampleTooLongError} under `onTooLong: 'error'`; {@link ChatTemplateError} when the template
 * refuses the conversation, does not show all of it (`allowHidden`), or so that its responses cannot be told from the rest;
 * {@link ChatExampleError} for keys that are not supported, such as `images`;
 * {@link TokenOutOfVocabularyError}; {@link DatasetOptionError} for a `maxLength` under 2 or an option there is not.
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
  options: TokenizeOptions = {},
): TokenizedExample | undefined {
  requireTokenizeOptions('tokenizeChat', options);
  if (example.rejected !== undefined) return tokenizePair(example, example.rejected, tokenizer, options);
  const whole = wholeChat(example, tokenizer);
  const masked = maskedTargets(example, whole, tokenizer, options);
  if (masked === undefined) return undefined;
  const { tokenIds, targets } = masked;
  return {
    tokenIds,
    responseMask: targets.responseMask,
    ...(targets.lossWeights && { lossWeights: targets.lossWeights }),
    tags: example.tags ?? [],
    ...(example.origin && { origin: example.origin }),
  };
}

/** Both answers of a pair, or none of them. */
function tokenizePair(
  { rejected: _rejected, ...better }: ChatExample,
  messages: readonly ChatMessage[],
  tokenizer: ChatTokenizer,
  options: TokenizeOptions,
): TokenizedExample | undefined {
  const chosen = tokenizeChat(better, tokenizer, options);
  const rejected = tokenizeChat({ ...better, messages }, tokenizer, options);
  return chosen && rejected && { ...chosen, rejected };
}

/** @throws {@link DatasetOptionError} */
export function requireTokenizeOptions(owner: string, options: TokenizeOptions): void {
  requireKnownOptions(owner, options, optionNames);
  const { maxLength = 2048, supervise = 'responses', onTooLong = 'truncate' } = options;
  requireChoice('supervise', supervise, supervisions);
  for (const part of options.allowHidden ?? []) requireChoice('allowHidden', part, hiddenParts);
  requireChoice('onTooLong', onTooLong, ['truncate', 'truncate-or-skip', 'skip', 'error']);
  requireInteger('maxLength', maxLength, 2);
}

/** The whole conversation as the template writes it, with the end of its last turn; a plain text as it is. */
export function wholeChat(example: ChatExample, tokenizer: ChatTokenizer): RenderedChat {
  requireSupportedKeys(example);
  if (example.text !== undefined) return wholeText(example, example.text, tokenizer);
  return closedWhole(example, renderWhole(example, tokenizer), tokenizer);
}

/** The tokens that are kept, and the targets among them; undefined for an example that is left out. Throws as {@link tokenizeChat}. */
export function maskedTargets(
  example: ChatExample,
  whole: RenderedChat,
  tokenizer: ChatTokenizer,
  options: TokenizeOptions,
): { readonly tokenIds: Int32Array; readonly targets: Targets } | undefined {
  const { maxLength = 2048, onTooLong = 'truncate' } = options;
  // A plain text is learned whole.
  const supervise = example.text === undefined ? (options.supervise ?? 'responses') : 'all';
  if (example.text === undefined) requireShown(example, whole, tokenizer, options.allowHidden ?? []);
  const length = whole.tokenIds.length;
  if (length > maxLength && onTooLong === 'skip') return undefined;
  if (length > maxLength && onTooLong === 'error') {
    throw new ExampleTooLongError(describeExample(example), example.origin, length, maxLength);
  }

  const kept = whole.tokenIds.slice(0, maxLength);
  requireVocabulary(kept, example, tokenizer, options.vocabularySize);
  const tokenIds = Int32Array.from(kept);
  const targets = targetsOf(example, whole, tokenizer, tokenIds.length, supervise);
  if (!teaches(targets, tokenIds, tokenizer, supervise)) {
    if (length > maxLength && onTooLong === 'truncate-or-skip') return undefined;
    throw new NoSupervisedTokensError(
      describeExample(example),
      example.origin,
      length > maxLength
        ? `all responses lie behind the first ${maxLength} of ${length} tokens, so nothing is left to learn. ` +
            `Raise maxLength, or set onTooLong to 'truncate-or-skip'.`
        : 'there is no token to learn: no assistant message, or only empty ones, or none that is trained. Remove the example.',
    );
  }
  return { tokenIds, targets };
}

/** Whether there is a target that is more than the end of a turn. */
function teaches(
  { responseMask }: Targets,
  tokenIds: Int32Array,
  tokenizer: ChatTokenizer,
  supervise: Supervision,
): boolean {
  const endOfTurn = new Set(tokenizer.endOfTurnTokenIds);
  return responseMask.some(
    (target, index) => target === 1 && (supervise === 'all' || !endOfTurn.has(tokenIds[index] ?? -1)),
  );
}

/** Options of {@link tokenizeChats}. */
export interface TokenizeStreamOptions extends TokenizeOptions {
  /** Hears of every example left out by `onTooLong`. Without it the process warns once. */
  readonly onSkipped?: (example: ChatExample) => void;
  /**
   * What was tokenized before, so that an example that comes again (in the next epoch, or in another walk) costs nothing; for
   * one tokenizer and the same options. It lives as long as the examples do and takes 5 bytes a token. Default: one of this
   * stream's own.
   */
  readonly cache?: TokenCache;
}

/** Examples that were tokenized before: a long text in several pieces, nothing of one that was left out. */
export type TokenCache = WeakMap<ChatExample, { readonly tokenized: readonly TokenizedExample[] }>;

/**
 * {@link tokenizeChat} over a stream, in its order. A plain text longer than `maxLength` is cut into pieces instead of losing its end
 * (where `onTooLong` would truncate): each but the first begins with the last token of the one before, so that every token is a
 * target once.
 *
 * @throws {@link EmptyDatasetError} when every example is left out as too long (found after one round of a source that
 * repeats); and what {@link tokenizeChat} throws.
 */
export function tokenizeChats(
  source: Source<ChatExample>,
  tokenizer: ChatTokenizer,
  options: TokenizeStreamOptions = {},
): AsyncGenerator<TokenizedExample, void, undefined> {
  requireKnownOptions('tokenizeChats', options, [...optionNames, 'onSkipped', 'cache']);
  return withEpochsOf(tokenizeStream(source, tokenizer, options), source);
}

/** What is learned of an example: itself, or nothing of one that is left out, or the pieces of a plain text. */
function pieces(
  example: ChatExample,
  tokenizer: ChatTokenizer,
  options: TokenizeOptions,
): readonly TokenizedExample[] {
  const { maxLength = 2048, onTooLong = 'truncate' } = options;
  const isCut = example.text !== undefined && onTooLong.startsWith('truncate');
  if (isCut) requireTokenizeOptions('tokenizeChats', options);
  const whole = tokenizeChat(example, tokenizer, isCut ? { ...options, maxLength: 2 ** 31 } : options);
  if (whole === undefined) return [];
  return isCut ? [...cutText(whole, maxLength)] : [whole];
}

async function* tokenizeStream(
  source: Source<ChatExample>,
  tokenizer: ChatTokenizer,
  { onSkipped = warnOnce(), cache = new WeakMap(), ...options }: TokenizeStreamOptions,
): AsyncGenerator<TokenizedExample, void, undefined> {
  const skipped = new Set<unknown>();
  let anyKept = false;
  for await (const example of source) {
    const known = cache.get(example) ?? { tokenized: pieces(example, tokenizer, options) };
    cache.set(example, known);
    if (known.tokenized.length > 0) {
      anyKept = true;
      yield* known.tokenized;
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
