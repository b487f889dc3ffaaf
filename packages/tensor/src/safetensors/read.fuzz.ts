import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { useTemporaryDirectory } from './__fixtures__/temporary-directory.ts';
import { SafetensorsError, UnsupportedDtypeError } from './errors.ts';
import { openSafetensors, readTensor } from './read.ts';

const directory = useTemporaryDirectory();
const numRuns = Number(process.env.FUZZ_RUNS ?? 2000);

const dtype = fc.constantFrom('F32', 'F16', 'BF16', 'I8', 'I64', 'BOOL', 'F8_E4M3', 'X9', '', '\u001b[2J');
const count = fc.oneof(
  fc.integer({ min: 0, max: 40 }),
  fc.constantFrom(-1, 0.5, 2 ** 31, 2 ** 53, 1e300, null, '4'),
);
const entry = fc.record(
  { dtype, shape: fc.array(count, { maxLength: 4 }), data_offsets: fc.array(count, { maxLength: 3 }) },
  { requiredKeys: [] },
);
const name = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.constantFrom('__metadata__', '__proto__', 'constructor'),
);
const header = fc.oneof(
  fc
    .array(fc.tuple(name, fc.oneof(entry, fc.jsonValue())))
    .map((entries) => JSON.stringify(Object.fromEntries(entries))),
  fc.string({ unit: 'binary', maxLength: 60 }),
);

/** A small well-formed file, and places to change in it. */
const wellFormed = Buffer.from(
  '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"BF16","shape":[1,2],"data_offsets":[8,12]}}',
);
const mutations = fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { minLength: 1, maxLength: 4 });

async function readAll(bytes: Uint8Array): Promise<void> {
  const path = join(directory(), 'fuzzed.safetensors');
  await writeFile(path, bytes);
  try {
    const { tensors, unsupported } = await openSafetensors(path);
    for (const region of [...tensors.values(), ...unsupported.values()]) await readTensor(region);
  } catch (error) {
    if (!SafetensorsError.isInstance(error) && !UnsupportedDtypeError.isInstance(error)) throw error;
    expect(error.message).not.toMatch(/\p{Cc}/u);
    expect(error.message.length).toBeLessThan(5000);
  }
}

function fileOf(text: Uint8Array, declared: bigint, data: number): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(declared);
  return Buffer.concat([length, text, Buffer.alloc(data, 1)]);
}

it(`reads or refuses ${numRuns} made-up headers with a typed error`, async () => {
  await fc.assert(
    fc.asyncProperty(header, fc.integer({ min: -3, max: 3 }), fc.nat(64), async (text, longer, data) => {
      const bytes = Buffer.from(text);
      await readAll(fileOf(bytes, BigInt(Math.max(0, bytes.length + (longer > 1 ? longer : 0))), data));
    }),
    { numRuns },
  );
}, 600_000);

it(`reads or refuses ${numRuns} mutations of a well-formed file with a typed error`, async () => {
  await fc.assert(
    fc.asyncProperty(mutations, fc.nat(20), async (changes, cut) => {
      const file = fileOf(wellFormed, BigInt(wellFormed.length), 12);
      for (const [place, value] of changes) file[place % file.length] = value;
      await readAll(file.subarray(0, file.length - (cut > 10 ? cut : 0)));
    }),
    { numRuns },
  );
}, 600_000);
