import { MergeBorders } from './merge-borders.ts';
import { NumberTable } from './number-table.ts';
import type { Place } from './place.ts';
import { shown } from './vocabulary.ts';

const mostMerges = 2 ** 22;
/** Ranks and positions share a double: 22 and 31 bits. */
const positions = 2 ** 31;

/** Which two neighbours become which token, and which pair goes first. */
export interface MergeTable {
  /** From a pair of ids, as {@link pairKey} has it, to its rank. */
  readonly ranks: NumberTable;
  /** The id that the pair of a rank becomes. */
  readonly merged: Int32Array;
  /** A dense number for each id that merges, so that a pair fits a double. */
  readonly dense: ReadonlyMap<number, number>;
  /** Where no pair joins two characters. */
  readonly borders: MergeBorders;
}

/**
 * Reads merges: pairs of tokens, or in older files one text with a space between the two.
 *
 * @throws UnsupportedTokenizerError for a merge of what is not in the vocabulary.
 */
export function readMerges(
  content: unknown,
  ids: ReadonlyMap<string, number>,
  prefix: string,
  place: Place,
): MergeTable {
  if (!Array.isArray(content)) place.refuse('must be a list');
  const merges = content as readonly unknown[];
  if (merges.length > mostMerges)
    place.refuse(`has ${merges.length} entries; at most ${mostMerges} are supported`);
  const ranks = new NumberTable(merges.length);
  const merged = new Int32Array(merges.length);
  const dense = new Map<number, number>();
  const borders = new MergeBorders(ids.keys());
  const number = (id: number) => {
    const known = dense.get(id);
    if (known !== undefined) return known;
    dense.set(id, dense.size);
    return dense.size - 1;
  };
  const idOf = (token: string, rank: number): number =>
    ids.get(token) ?? place.at(rank).refuse(`${shown(token)} is not in the vocabulary`);
  for (let rank = 0; rank < merges.length; rank++) {
    const [left, right] = readPair(merges[rank], place, rank);
    if (!right.startsWith(prefix))
      place.at(rank).refuse(`${shown(right)} does not begin with continuing_subword_prefix ${shown(prefix)}`);
    merged[rank] = idOf(left + right.slice(prefix.length), rank);
    ranks.set(pairKey(number(idOf(left, rank)), number(idOf(right, rank))), rank);
    borders.join(left, right);
  }
  return { ranks, merged, dense, borders };
}

function readPair(merge: unknown, place: Place, rank: number): readonly [string, string] {
  const pair = typeof merge === 'string' ? merge.split(' ') : merge;
  if (!Array.isArray(pair) || pair.length !== 2 || !pair.every((part) => typeof part === 'string'))
    return place.at(rank).refuse('must be two tokens');
  return pair as unknown as [string, string];
}

function pairKey(left: number, right: number): number {
  return left * mostMerges * 4 + right;
}

/**
 * Merges a word's symbols, the pair of the lowest rank first and of equal ones the leftmost: n log n in their number.
 * An entry of the queue holds if the pair at its place still becomes the same token, as in Rust's.
 */
export function mergeSymbols(symbols: number[], { ranks, merged, dense }: MergeTable): readonly number[] {
  const count = symbols.length;
  if (count < 2) return symbols;
  const numbers = symbols.map((id) => dense.get(id) ?? -1);
  const next = Int32Array.from({ length: count }, (_, index) => (index + 1 < count ? index + 1 : -1));
  const previous = Int32Array.from({ length: count }, (_, index) => index - 1);
  const removed = new Uint8Array(count);
  const queue: number[] = [];
  const rankAt = (position: number): number => {
    const left = numbers[position]!;
    const right = numbers[next[position]!]!;
    return left < 0 || right < 0 ? -1 : ranks.get(pairKey(left, right));
  };
  const enqueue = (position: number) => {
    const rank = rankAt(position);
    if (rank !== -1) push(queue, rank * positions + position);
  };
  for (let position = 0; position + 1 < count; position++) enqueue(position);
  while (queue.length > 0) {
    const entry = pop(queue);
    const rank = Math.floor(entry / positions);
    const position = entry - rank * positions;
    const right = next[position]!;
    if (removed[position] === 1 || right === -1) continue;
    const id = merged[rank]!;
    const current = rankAt(position);
    if (current === -1 || merged[current] !== id) continue;
    symbols[position] = id;
    numbers[position] = dense.get(id) ?? -1;
    removed[right] = 1;
    const after = next[right]!;
    next[position] = after;
    if (after !== -1) previous[after] = position;
    if (previous[position] !== -1) enqueue(previous[position]!);
    if (after !== -1) enqueue(position);
  }
  return symbols.filter((_, index) => removed[index] === 0);
}

/** Adds to a binary heap whose smallest is first. */
function push(heap: number[], entry: number): void {
  let index = heap.push(entry) - 1;
  while (index > 0) {
    const parent = (index - 1) >> 1;
    if (heap[parent]! <= entry) break;
    heap[index] = heap[parent]!;
    index = parent;
  }
  heap[index] = entry;
}

function pop(heap: number[]): number {
  const smallest = heap[0]!;
  const last = heap.pop()!;
  if (heap.length === 0) return smallest;
  let index = 0;
  for (;;) {
    let child = 2 * index + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && heap[child + 1]! < heap[child]!) child++;
    if (heap[child]! >= last) break;
    heap[index] = heap[child]!;
    index = child;
  }
  heap[index] = last;
  return smallest;
}
