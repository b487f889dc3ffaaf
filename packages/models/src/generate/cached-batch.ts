import { type HostArray, hostArray } from '@safetune/tensor';
import type { ModelConfig } from '../config.ts';
import { KeyValueCache } from './cache.ts';
import type { GeneratorSessions } from './executable.ts';
import type { CachedTexts, GeneratorMemory } from './generator-memory.ts';
import { sharedPrefixes } from './shared-prefixes.ts';

/** Prompts are taken in pieces of this many tokens, so that no score matrix is wider than this times the prompt. */
const pieceTokens = 512;

/**
 * The slots of a cache that `used` of them are needed of, and `most` ever. Attention's kernel passes over all there are at
 * every step, so there are not many more; but each time that there are too few, the cache is copied.
 */
export function roomFor(used: number, most: number): number {
  return Math.max(used, Math.min(used + Math.max(32, used >> 4), most));
}

/** Rows that are continued together, and their key-value cache. */
export interface CachedBatch {
  /**
   * Takes one more token of each row; gives the logits [vocabulary] that follow, row by row, in memory that the next step
   * writes over.
   */
  step(tokens: readonly number[]): Promise<Float32Array[]>;
  /** Drops all rows but these (their present indices, ascending). */
  keep(rows: readonly number[]): void;
}

export interface CachedBatchOptions extends Pick<GeneratorSessions, 'executable' | 'stepExecutable'> {
  readonly config: ModelConfig;
  /** Inputs besides tokens and cache: the adapter's. */
  readonly tensors: Readonly<Record<string, HostArray>>;
  /** Texts that prompts may begin with, and where these are remembered. */
  readonly memory: GeneratorMemory;
  /** Tokens that each prompt may be continued by. */
  readonly newTokens: number;
  /** Called before every run, which blocks the thread. */
  readonly beforeRun: () => Promise<void>;
}

/**
 * Takes the prompts in; gives the logits that follow each, and the batch. What a prompt has in common with another, or with
 * a text that is remembered, is copied and not computed again. Prompts of like length go together.
 */
export async function startBatch(
  prompts: readonly (readonly number[])[],
  options: CachedBatchOptions,
): Promise<{ batch: CachedBatch; logits: Float32Array[] }> {
  const { memory, tensors, config } = options;
  const { known, adapter } = memory.recall(tensors);
  const batch = new RunningBatch(prompts, options);
  // Where positions depend on a text's length, keys of a longer or shorter one do not fit.
  const logits = await batch.takePrompts(prompts, config.rotaryChange === undefined ? known : undefined);
  memory.remember(batch, adapter);
  return { batch, logits };
}

/** Tokens that go to one slot row of the cache. */
interface SlotTokens {
  readonly row: number;
  readonly tokens: readonly number[];
}

class RunningBatch implements CachedBatch {
  readonly #options: CachedBatchOptions;
  readonly #cache: KeyValueCache;
  /** Tokens that a text may come to have. */
  readonly #longest: number;
  /** The tokens that each row of the cache holds; rows behind those in use keep what they held. */
  #texts: number[][];
  /** Row of the cache, by row of the batch: those in use are the first ones, in any order. */
  #places: number[];
  /** Of a step. Memory of its own at every step, megabytes of it, would cost more than the passes over it. */
  #logits = new Float32Array();

  constructor(prompts: readonly (readonly number[])[], options: CachedBatchOptions) {
    const longest = Math.max(...prompts.map((prompt) => prompt.length));
    this.#options = options;
    this.#longest = longest + options.newTokens;
    this.#cache = new KeyValueCache(options.config, prompts.length, roomFor(longest, this.#longest));
    this.#texts = prompts.map(() => []);
    this.#places = [...prompts.keys()];
  }

  get cached(): CachedTexts {
    return { cache: this.#cache, texts: this.#texts };
  }

  async takePrompts(
    prompts: readonly (readonly number[])[],
    known: CachedTexts | undefined,
  ): Promise<Float32Array[]> {
    const prefixes = sharedPrefixes(prompts, known?.texts ?? []);
    const rows = [...prompts.keys()];
    const rest = (row: number) => prompts[row]!.length - (prefixes[row]?.length ?? 0);
    // Those that are computed whole come first, then those with one token left, so that each kind lies together.
    const kind = (row: number) => (prefixes[row] === undefined ? 0 : rest(row) === 1 ? 1 : 2);
    rows
      .toSorted((a, b) => kind(a) - kind(b) || a - b)
      .forEach((row, place) => {
        this.#places[row] = place;
      });
    const logits: Float32Array[] = [];
    const take = async (group: readonly number[]) => {
      const found = await this.#take(
        group.map((row) => ({
          row: this.#places[row]!,
          tokens: prompts[row]!.slice(this.#texts[this.#places[row]!]!.length),
        })),
      );
      for (const [index, row] of group.entries()) logits[row] = found[index]!;
    };
    const whole = rows.filter((row) => kind(row) === 0);
    for (const group of groupsOfLikeLength(whole, rest)) await take(group);
    for (const row of rows) {
      const prefix = prefixes[row];
      if (prefix === undefined) continue;
      const source =
        prefix.among === 'known'
          ? { cache: known!.cache, row: prefix.index }
          : { cache: this.#cache, row: this.#places[prefix.index]! };
      this.#cache.copyRow(source.cache, source.row, this.#places[row]!, prefix.length);
      this.#texts[this.#places[row]!] = prompts[row]!.slice(0, prefix.length);
      // Its end is computed at once where a later prompt may begin with it.
      if (kind(row) === 2) await take([row]);
    }
    const single = rows.filter((row) => kind(row) === 1);
    if (single.length > 0) await take(single);
    return logits;
  }

  async step(tokens: readonly number[]): Promise<Float32Array[]> {
    const inOrder = this.#places.map((row, index) => ({ row, tokens: [tokens[index]!] }));
    const size = tokens.length * this.#options.config.vocabularySize;
    if (this.#logits.length < size) this.#logits = new Float32Array(size);
    const logits = await this.#take(
      inOrder.toSorted((a, b) => a.row - b.row),
      this.#logits.subarray(0, size),
    );
    return this.#places.map((row) => logits[row]!);
  }

  keep(rows: readonly number[]): void {
    const places = rows.map((row) => this.#places[row]!);
    const free = [...rows.keys()].filter((place) => !places.includes(place));
    this.#places = places.map((place) => {
      if (place < rows.length) return place;
      const hole = free.pop()!;
      const text = this.#texts[place]!;
      this.#cache.copyRow(this.#cache, place, hole, text.length);
      this.#texts[hole] = [...text];
      return hole;
    });
  }

  /** Runs tokens into consecutive rows of the cache: one row in pieces, or several at once. */
  async #take(entries: readonly SlotTokens[], into?: Float32Array): Promise<Float32Array[]> {
    const needed = Math.max(...entries.map(({ row, tokens }) => this.#texts[row]!.length + tokens.length));
    if (needed > this.#cache.capacity) this.#grow(needed);
    const [only] = entries;
    let logits: Float32Array[] = [];
    if (entries.length > 1) return this.#run(entries, into);
    const change = this.#options.config.rotaryChange;
    // A prompt that is longer than where positions change is taken as a whole.
    const piece = change !== undefined && needed > change.beyond ? needed : pieceTokens;
    for (let start = 0; start < only!.tokens.length; start += piece) {
      const tokens = only!.tokens.slice(start, start + piece);
      logits = await this.#run([{ row: only!.row, tokens }], into);
    }
    return logits;
  }

  async #run(entries: readonly SlotTokens[], into?: Float32Array): Promise<Float32Array[]> {
    const { config, tensors, beforeRun } = this.#options;
    const width = Math.max(...entries.map(({ tokens }) => tokens.length));
    const executable =
      width === 1 ? await this.#options.stepExecutable(entries.length) : this.#options.executable;
    await beforeRun();
    const outputs = await executable.run(
      {
        // Any token stands in for padding, which no token before it sees.
        tokenIds: integers(
          entries.flatMap(({ tokens }) => Array.from({ length: width }, (_, at) => tokens[at] ?? 0)),
          [entries.length, width],
        ),
        used: integers(
          entries.map(({ row }) => this.#texts[row]!.length),
          [entries.length],
        ),
        last: integers(
          entries.map(({ tokens }) => tokens.length - 1),
          [entries.length],
        ),
        ...this.#cache.inputs(entries[0]!.row, entries.length),
        ...tensors,
      },
      {
        into: into === undefined ? {} : { logits: hostArray(into, [entries.length, config.vocabularySize]) },
      },
    );
    for (const [source, { row, tokens }] of entries.entries()) {
      const text = this.#texts[row]!;
      this.#cache.add(outputs, { source, width, row, slot: text.length, count: tokens.length });
      text.push(...tokens);
    }
    const values = outputs.logits!.data as Float32Array;
    const { vocabularySize } = config;
    return entries.map((_, index) => values.subarray(index * vocabularySize, (index + 1) * vocabularySize));
  }

  /** More room, for the rows in use. */
  #grow(needed: number): void {
    this.#texts = this.#texts.slice(0, this.#places.length);
    this.#cache.resize(
      this.#texts.map(({ length }) => length),
      roomFor(needed, this.#longest),
    );
  }
}

function integers(values: readonly number[], shape: readonly number[]): HostArray {
  return hostArray(BigInt64Array.from(values, BigInt), shape);
}

/** Groups whose tokens, padded to the longest of the group, are at most a piece, and mostly no padding. */
export function groupsOfLikeLength(rows: readonly number[], length: (row: number) => number): number[][] {
  const groups: number[][] = [];
  for (const row of rows) {
    const group = groups.at(-1);
    const lengths = [...(group ?? []), row].map(length);
    const longest = Math.max(...lengths);
    const fits = longest * lengths.length <= pieceTokens && lengths.every((each) => each >= 0.75 * longest);
    if (group !== undefined && fits) group.push(row);
    else groups.push([row]);
  }
  return groups;
}
