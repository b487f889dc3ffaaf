/**
 * The fuzz tier (`npx -y pnpm@12 test:fuzz`): hostile input by the thousand. Whatever is handed in, a door either works or
 * throws one of SafeTune's own errors, with a message that a person can read, and soon.
 */
import fc from 'fast-check';
import { expect } from 'vitest';

/** One door and what is thrown at it. */
export interface FuzzedDoor<Input> {
  /** What the line of counts calls it. */
  readonly name: string;
  readonly inputs: fc.Arbitrary<Input>;
  /** Hands one input in. */
  readonly enter: (input: Input) => unknown;
  /** Inputs to try, before the environment's `FUZZ_FACTOR` multiplies them. */
  readonly tries: number;
}

/** Longest message that an error may have, in characters: a hostile file must not flood a log. */
const longestMessage = 4000;

/** Longest time for one input. Generous: it is to tell slow from endless, on any machine. */
const longestTime = 20_000;

/**
 * Throws `tries` inputs at a door, and prints how many were accepted, and refused by which error.
 *
 * Fails on any other error, on messages that carry control characters or are too long, on endless work, and when nothing
 * was ever refused: such inputs test nothing. Failures print the seed to run again (`FUZZ_SEED`).
 */
export async function fuzz<Input>({ name, inputs, enter, tries }: FuzzedDoor<Input>): Promise<void> {
  const refusals = new Map<string, number>();
  let accepted = 0;
  await fc.assert(
    fc.asyncProperty(inputs, async (input) => {
      const start = performance.now();
      try {
        await enter(input);
        accepted++;
      } catch (error) {
        const type = errorType(error);
        if (type === undefined) throw error;
        expect(messageFault((error as Error).message)).toBeUndefined();
        refusals.set(type, (refusals.get(type) ?? 0) + 1);
      }
      expect(performance.now() - start).toBeLessThan(longestTime);
    }),
    {
      numRuns: tries * Number(process.env.FUZZ_FACTOR ?? 1),
      ...(process.env.FUZZ_SEED === undefined ? {} : { seed: Number(process.env.FUZZ_SEED) }),
    },
  );
  const refused = [...refusals].sort((a, b) => b[1] - a[1]).map(([type, count]) => `${count} ${type}`);
  console.log(`${name}: ${accepted} accepted, refused: ${refused.join(', ') || 'none'}`);
  expect(refusals.size).toBeGreaterThan(0);
}

/** The name of one of SafeTune's errors, by the marker they all carry; undefined for any other value. */
export function errorType(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const marker = Object.getOwnPropertySymbols(error).find((symbol) =>
    symbol.description?.startsWith('safetune.'),
  );
  return marker?.description?.slice('safetune.'.length);
}

/** Why a message is unfit to be shown; undefined when it is not. */
export function messageFault(message: string): string | undefined {
  if (message.length >= longestMessage) return `a message of ${message.length} characters`;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  const control = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/.test(message);
  return control ? `a message with control characters: ${JSON.stringify(message)}` : undefined;
}

/** A place, as a share of the whole. Doubles would do badly: half of those between 0 and 1 are next to nothing. */
const anywhere = fc.nat({ max: 9999 }).map((number) => number / 10_000);

/** Copies of some bytes with a few of them replaced, put in, cut out or doubled. */
export function mutatedBytes(originals: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  const change = fc.record({
    kind: fc.constantFrom('replace', 'insert', 'remove', 'double', 'cut'),
    at: anywhere,
    length: fc.integer({ min: 1, max: 40 }),
    bytes: fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 8 }),
      fc.constantFrom(...awkward.map((text) => Buffer.from(text))),
    ),
  });
  return fc
    .tuple(fc.constantFrom(...originals), fc.array(change, { minLength: 1, maxLength: 4 }))
    .map(([original, changes]) => {
      let bytes = Buffer.from(original);
      for (const { kind, at, length, bytes: put } of changes) {
        const start = Math.floor(at * bytes.length);
        const [before, after] = [bytes.subarray(0, start), bytes.subarray(start)];
        if (kind === 'replace') bytes = Buffer.concat([before, put, after.subarray(put.length)]);
        else if (kind === 'insert') bytes = Buffer.concat([before, put, after]);
        else if (kind === 'remove') bytes = Buffer.concat([before, after.subarray(length)]);
        else if (kind === 'double') bytes = Buffer.concat([before, after.subarray(0, length), after]);
        else bytes = before;
      }
      return bytes;
    });
}

/** Copies of some JSON values with a few of their places holding something else. */
export function mutatedJson(originals: readonly unknown[]): fc.Arbitrary<unknown> {
  const change = fc.record({ at: anywhere, put: awkwardJson });
  return fc
    .tuple(fc.constantFrom(...originals), fc.array(change, { minLength: 1, maxLength: 3 }))
    .map(([original, changes]) => {
      const root = { value: structuredClone(original) };
      for (const { at, put } of changes) {
        const places = placesOf(root);
        const [holder, key] = places[Math.floor(at * places.length) % places.length]!;
        // A copy: the same value may be put inside itself, or changed for the next input.
        (holder as Record<string, unknown>)[key] = structuredClone(put);
      }
      return root.value;
    });
}

function placesOf(value: unknown): [object, string][] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => [
    [value, key] as [object, string],
    ...placesOf(inner),
  ]);
}

const awkward = [
  '[',
  '{',
  '"',
  '\\u0000',
  '\u001b[2J',
  '\ufeff',
  '-1',
  '1e999',
  '99999999999999999999',
  'null',
  '__proto__',
  'constructor',
  '../../etc/passwd',
  '(a+)+$',
  '{% for i in range(4000000000) %}',
  '&a *a',
];

const awkwardJson: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(null, true, false, 0, -1, 0.5, 1e9, 2 ** 32 + 7, 1e308, '', [], {}, ...awkward),
  fc.constantFrom<unknown>(
    JSON.parse('{"__proto__": 1, "constructor": {"prototype": 2}}'),
    ['a', 'a'],
    [[[[]]]],
  ),
  fc.jsonValue({ maxDepth: 2 }),
);
