/**
 * The memory tier of fuzzing (`npx -y pnpm@12 test:fuzz mutated`, with `FUZZ_FACTOR=50` a million inputs): damaged files as they
 * stand in memory, some tens of thousands a second. What it asks of a reader: it takes the input or throws one of
 * SafeTune's own errors, with a message a person can read; soon; and without taking more memory than such an input is worth.
 */
import { getHeapStatistics } from 'node:v8';
import { errorType, messageFault } from './fuzz.ts';
import { Random } from './random.ts';

/** A reader, and how inputs for it are made. */
export interface MutatedReader<Input> {
  /** What the line of counts calls it. */
  readonly name: string;
  /** Inputs to try, before the environment's `FUZZ_FACTOR` multiplies them. */
  readonly tries: number;
  readonly mutate: (random: Random) => Input;
  /** What it throws besides SafeTune's errors is a find: check here what an accepted input came to. */
  readonly read: (input: Input) => unknown;
}

/** An input has some kilobytes; nothing about it is worth more than this. */
const mostBytes = 64 * 2 ** 20;
/** Generous: it is to tell slow from endless, on any machine. */
const mostMilliseconds = 5000;

/**
 * Gives a reader `tries` inputs and prints how many it took and refused, the longest time and the most memory that one took.
 *
 * Every input has a seed of its own: the first that fails is printed with it, and `FUZZ_SEED` runs it again, first.
 */
export async function fuzzInMemory<Input>({
  name,
  tries,
  mutate,
  read,
}: MutatedReader<Input>): Promise<void> {
  const firstSeed = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31));
  const count = Math.round(tries * Number(process.env.FUZZ_FACTOR ?? 1));
  const refusals = new Map<string, number>();
  let [accepted, longest, largest] = [0, 0, 0];
  const began = performance.now();
  for (let index = 0; index < count; index++) {
    const input = mutate(new Random(firstSeed + index));
    const [memory, start] = [memoryInUse(), performance.now()];
    const fault = await faultOf(read, input, (type) => {
      if (type === undefined) accepted++;
      else refusals.set(type, (refusals.get(type) ?? 0) + 1);
    });
    const [milliseconds, bytes] = [performance.now() - start, memoryInUse() - memory];
    longest = Math.max(longest, milliseconds);
    largest = Math.max(largest, bytes);
    const found =
      fault ??
      (milliseconds > mostMilliseconds ? `took ${Math.round(milliseconds)} ms` : undefined) ??
      (bytes > mostBytes ? `took ${Math.round(bytes / 2 ** 20)} MB` : undefined);
    if (found === undefined) continue;
    throw new Error(`${name}: FUZZ_SEED=${firstSeed + index}: ${described(found)}: ${shown(input)}`, {
      cause: found,
    });
  }
  const seconds = (performance.now() - began) / 1000;
  const refused = [...refusals].sort((a, b) => b[1] - a[1]).map(([type, times]) => `${times} ${type}`);
  console.log(
    `${name}: ${count} inputs from seed ${firstSeed} in ${seconds.toFixed(1)} s, ${accepted} accepted, refused: ` +
      `${refused.join(', ')}; at most ${longest.toFixed(0)} ms and ${(largest / 2 ** 20).toFixed(1)} MB for one`,
  );
  if (accepted === 0 || refusals.size === 0) throw new Error(`${name}: such inputs test nothing`);
}

/** What is wrong with how an input is read: a foreign error, or a message unfit to be shown. */
async function faultOf<Input>(
  read: (input: Input) => unknown,
  input: Input,
  onEnd: (errorType: string | undefined) => void,
): Promise<unknown> {
  try {
    const result = read(input);
    if (result instanceof Promise) await result;
    onEnd(undefined);
    return undefined;
  } catch (error) {
    const type = errorType(error);
    if (type === undefined) return error;
    onEnd(type);
    return messageFault((error as Error).message);
  }
}

/** Bytes of this thread's heap, and of array buffers whether they were written to or not. */
function memoryInUse(): number {
  const { used_heap_size: heap, external_memory: outside } = getHeapStatistics();
  return heap + outside;
}

function described(fault: unknown): string {
  return fault instanceof Error ? (fault.stack ?? String(fault)) : String(fault);
}

function shown(input: unknown): string {
  const text = input instanceof Uint8Array ? Buffer.from(input).toString('base64') : JSON.stringify(input);
  return text.length > 20_000 ? `${text.slice(0, 20_000)}...` : text;
}

/** A copy of one of some files, with a few of its bytes replaced, put in, cut out or doubled, or the file cut short. */
export function mutateBytes(random: Random, originals: readonly Buffer[]): Buffer {
  let bytes: Buffer = Buffer.from(random.pick(originals));
  for (let changes = 1 + random.below(3); changes > 0; changes--) {
    const at = random.below(bytes.length);
    const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
    const kind = random.below(12);
    if (kind < 4) bytes[at] = random.chance(0.5) ? bytes[at]! ^ (1 << random.below(8)) : random.below(256);
    else if (kind < 6) putNumber(bytes, at, random);
    else if (kind < 8) {
      const put = Buffer.from(random.pick(awkwardTexts));
      bytes = Buffer.concat([before, put, after.subarray(random.chance(0.5) ? put.length : 0)]);
    } else if (kind < 9) bytes = Buffer.concat([before, after.subarray(1 + random.below(40))]);
    else if (kind < 10) bytes = Buffer.concat([before, after.subarray(0, 1 + random.below(40)), after]);
    else if (kind < 11) bytes = swapped(bytes, random);
    else bytes = before;
    if (bytes.length === 0) break;
  }
  return bytes;
}

/** Lengths and offsets that a reader must not believe, as little-endian numbers of 4 or 8 bytes. */
function putNumber(bytes: Buffer, at: number, random: Random): void {
  const value = random.pick(awkwardNumbers);
  if (random.chance(0.5) && at + 8 <= bytes.length) bytes.writeBigUInt64LE(value, at);
  else if (at + 4 <= bytes.length) bytes.writeUInt32LE(Number(value & 0xffff_ffffn), at);
}

/** Two stretches of the same length in each other's place: well-formed parts where they do not belong. */
function swapped(bytes: Buffer, random: Random): Buffer {
  const length = Math.min(1 + random.below(16), bytes.length);
  const [one, other] = [random.below(bytes.length - length + 1), random.below(bytes.length - length + 1)];
  const copy = Buffer.from(bytes);
  bytes.copy(copy, one, other, other + length);
  bytes.copy(copy, other, one, one + length);
  return copy;
}

const awkwardNumbers: readonly bigint[] = [
  ...[0n, 1n, 2n, 3n, 7n, 255n, 256n, 65_535n, 65_536n, 1_000_000n],
  ...[2n ** 31n - 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 40n, 2n ** 53n, 2n ** 53n + 1n],
  ...[2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n],
];

/**
 * A copy of one of some values that JSON can hold, with a few of its places holding something else, gone, doubled or
 * misspelt.
 *
 * @param texts the values as JSON: parsing is the fastest way of copying
 */
export function mutateJson(random: Random, texts: readonly string[]): unknown {
  const root = { value: JSON.parse(random.pick(texts)) as unknown };
  const places: [Record<string, unknown>, string][] = [];
  collectPlaces(root, places);
  for (let changes = 1 + random.below(3); changes > 0; changes--) {
    const [holder, key] = random.pick(places);
    const kind = random.below(8);
    if (kind === 0 && holder !== (root as object)) {
      if (Array.isArray(holder)) holder.splice(Number(key), 1);
      else delete holder[key];
    } else if (kind === 1) holder[key] = structuredClone(random.pick(places)[0]);
    else if (kind === 2 && typeof holder[key] === 'number') {
      holder[key] = holder[key] * random.pick([-1, 0.5, 2, 1e6, 1e300]) + random.below(2);
    } else if (kind === 3 && !Array.isArray(holder)) {
      const [value, name] = [holder[key], random.chance(0.5) ? `${key}_` : random.pick(awkwardTexts)];
      if (holder !== (root as object)) delete holder[key];
      Object.defineProperty(holder, name, { value, writable: true, enumerable: true, configurable: true });
    } else if (kind === 4 && typeof holder[key] === 'string') {
      holder[key] = mutateBytes(random, [Buffer.from(`${holder[key]} `)]).toString();
    } else holder[key] = structuredClone(random.pick(awkwardValues));
  }
  return root.value;
}

function collectPlaces(value: object, places: [Record<string, unknown>, string][]): void {
  for (const key of Object.keys(value)) {
    places.push([value as Record<string, unknown>, key]);
    const inner = (value as Record<string, unknown>)[key];
    if (typeof inner === 'object' && inner !== null) collectPlaces(inner, places);
  }
}

const awkwardTexts: readonly string[] = [
  ...['[', '{', '}', '"', ',', ':', '\\u0000', '\\ud800', '\u001b[2J', '\ufeff', '\ud83d\ude00', '\u2028'],
  ...['-1', '1e999', '1e308', '99999999999999999999', '0.1', 'null', 'true', 'NaN', 'Infinity'],
  ...[
    '__proto__',
    'constructor',
    'toString',
    'length',
    '../../etc/passwd',
    '(a+)+$',
    '(?<=a)',
    '\\p{L}',
    '.*',
    '',
  ],
  ...['GGUF', 'all-linear', 'F64', 'F4', '<|end|>', '\u2581'],
];

const awkwardValues: readonly unknown[] = [
  ...[null, true, false, 0, -1, 1, 0.5, 3, 1e9, 2 ** 31, 2 ** 32 + 7, 2 ** 53, 1e308, -0, 5e-324],
  ...[
    [],
    {},
    [[]],
    [[[[]]]],
    ['a', 'a'],
    [null],
    [0, 1],
    [-1, 2 ** 40],
    { a: {} },
    'a',
    'linear',
    'x'.repeat(300),
  ],
  ...[JSON.parse('{"__proto__": 1, "constructor": {"prototype": 2}}'), Array(200).fill(1), ...awkwardTexts],
];
