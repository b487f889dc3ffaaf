import { createHash } from 'node:crypto';
import { DatasetOptionError, EmptyDatasetError } from '../errors.ts';
import type { ChatExample } from '../example/example.ts';
import { isObject } from '../json.ts';
import { requireChoice, requireInteger, requireKnownOptions } from '../options.ts';
import { withEpochsOf } from './epochs.ts';
import type { Source } from './stream.ts';

/** How examples are parted into those to train on and those to validate on. */
export interface ValidationSplitOptions {
  /** Of the examples, more than 0 and less than 1. Default 0.1 (arXiv 2508.06249). */
  readonly share?: number;
  readonly seed: number;
}

/** The two parts, each in the order of the whole. */
export interface ValidationSplit<Example> {
  readonly training: readonly Example[];
  readonly validation: readonly Example[];
}

/**
 * Holds a share of the examples out, drawn by the seed and what each example says: its messages (or text), tools, documents and template
 * arguments. Its place, file and tags do not count, so that copies of one example always lie on one side, and an example keeps
 * its side when the file is sorted otherwise. Of n examples round(share x n) are held out, at least one; fewer only where copies
 * cannot be parted.
 *
 * @throws {@link EmptyDatasetError} when a side would be empty: fewer than two different examples;
 * {@link DatasetOptionError} for a share or seed outside its range.
 *
 * @example
 * const { training, validation } = splitValidation(examples, { share: 0.1, seed: 0 });
 */
export function splitValidation<Example extends ChatExample>(
  examples: readonly Example[],
  options: ValidationSplitOptions,
): ValidationSplit<Example> {
  const { share, seed } = checkedOptions('splitValidation', options);
  const keys = examples.map((example) => seededHash(example, seed));
  const copies = new Map<string, number>();
  for (const key of keys) copies.set(key, (copies.get(key) ?? 0) + 1);
  const wanted = Math.min(Math.max(1, Math.round(share * examples.length)), examples.length - 1);
  const heldOut = new Set<string>();
  let count = 0;
  for (const [key, ofKey] of [...copies].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (count + ofKey > wanted) continue;
    heldOut.add(key);
    count += ofKey;
  }
  if (count === 0) throw cannotSplit(examples.length, copies.size, wanted);
  return {
    training: examples.filter((_, index) => !heldOut.has(keys[index]!)),
    validation: examples.filter((_, index) => heldOut.has(keys[index]!)),
  };
}

function cannotSplit(examples: number, different: number, wanted: number): EmptyDatasetError {
  return new EmptyDatasetError(
    `of ${examples} examples, ${different} of them different, ${wanted} cannot be held out for validation without copies ` +
      'on both sides, or nothing left to train on. Give more examples, another share, or validation data of its own.',
  );
}

/**
 * One side of a stream whose length nobody knows: each example goes by its own hash, so that both sides, walked one after the
 * other or at once, hold every example exactly once, in constant memory. The share is kept on average, not exactly.
 *
 * @throws {@link DatasetOptionError} at once, for a side, share or seed that there is not.
 *
 * @example
 * const training = splitStream(await openDataset('chats.jsonl'), 'training', { share: 0.1, seed: 0 });
 */
export function splitStream<Example extends ChatExample>(
  source: Source<Example>,
  side: keyof ValidationSplit<Example>,
  options: ValidationSplitOptions,
): AsyncGenerator<Example, void, undefined> {
  const { share, seed } = checkedOptions('splitStream', options);
  requireChoice('side', side, ['training', 'validation']);
  const isWanted = (example: Example) => seededShare(example, seed) < share === (side === 'validation');
  return withEpochsOf(filter(source, isWanted), source);
}

/**
 * How many of these examples are among others too, by what each says as {@link splitValidation} sees it: a model that is trained on the
 * others knows their answers by heart.
 */
export function countCopies(examples: readonly ChatExample[], others: readonly ChatExample[]): number {
  const known = new Set(others.map((example) => seededHash(example, 0)));
  return examples.filter((example) => known.has(seededHash(example, 0))).length;
}

async function* filter<Item>(
  source: Source<Item>,
  isWanted: (item: Item) => boolean,
): AsyncGenerator<Item, void, undefined> {
  for await (const item of source) if (isWanted(item)) yield item;
}

function checkedOptions(owner: string, options: ValidationSplitOptions): Required<ValidationSplitOptions> {
  requireKnownOptions(owner, options, ['share', 'seed']);
  const { share = 0.1, seed } = options;
  if (!(share > 0 && share < 1))
    throw new DatasetOptionError('share', share, 'a number between 0 and 1, without both');
  requireInteger('seed', seed, 0);
  return { share, seed };
}

/** From 0 to 1, the first 48 bits of the hash. */
function seededShare(example: ChatExample, seed: number): number {
  return Number.parseInt(seededHash(example, seed).slice(0, 12), 16) / 2 ** 48;
}

/** SHA-256 of the seed and of what an example says, whatever the order of its keys. */
function seededHash(
  { messages, text, tools, documents, templateArguments }: ChatExample,
  seed: number,
): string {
  const said = JSON.stringify(
    [text ?? messages, tools ?? [], documents ?? [], templateArguments ?? {}],
    sortedKeys,
  );
  return createHash('sha256').update(`${seed}\n${said}`).digest('hex');
}

function sortedKeys(_key: string, value: unknown): unknown {
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
