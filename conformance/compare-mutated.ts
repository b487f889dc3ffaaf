/**
 * Looks for damaged files that are read otherwise than the reference implementation reads them: Python's safetensors, gguf-py
 * and `tokenizers`. What is refused here is left aside: only what is accepted can be misread.
 *
 * ```sh
 * node --conditions=safetune-source conformance/compare-mutated.ts [--inputs 100000] [--seed 1] [--only safetensors]
 * ```
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { filesToDamage } from '../packages/models/src/gguf/read/__fixtures__/gguf-bytes.ts';
import { parseHeader as parseGgufHeader } from '../packages/models/src/gguf/read/header.ts';
import { TextTokenizer } from '../packages/models/src/tokenizer/text-tokenizer.ts';
import {
  lengthFieldBytes,
  parseHeader,
  parseHeaderLength,
} from '../packages/tensor/src/safetensors/format.ts';
import { mutateBytes, mutateJson } from './mutations.ts';
import { pythonWith } from './python.ts';
import { askTokenizers } from './python-tokenizers.ts';
import { Random } from './random.ts';
import { compareAnswers } from './tokenizer-answers.ts';
import { randomTokenizerCase } from './tokenizer-cases.ts';

const { values } = parseArgs({
  options: {
    inputs: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
  },
});
const [inputs, seed] = [Number(values.inputs), Number(values.seed)];

/** What is made of inputs that are accepted, for as many seeds. */
function accepted<Input, Read>(
  mutate: (random: Random) => Input,
  read: (input: Input) => Read,
): { readonly input: Input; readonly found: Read }[] {
  const all: { readonly input: Input; readonly found: Read }[] = [];
  for (let index = 0; index < inputs; index++) {
    const input = mutate(new Random(seed + index));
    try {
      all.push({ input, found: read(input) });
    } catch {
      // Refused, or a find of the fuzz tier.
    }
  }
  return all;
}

/** As read_mutated.py answers. */
interface Answer {
  readonly tensors?: readonly unknown[];
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly error?: string;
}

async function askPython(kind: string, files: readonly Buffer[]): Promise<Answer[]> {
  const python = pythonWith('safetensors', 'gguf');
  if (python === undefined) throw new Error('Python with safetensors and gguf is needed');
  const child = spawn(python, [join(import.meta.dirname, 'read_mutated.py'), kind], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => lines.push(chunk));
  const ended = new Promise((resolve, reject) => {
    child.once('error', reject).once('close', resolve);
  });
  child.stdin.end(files.map((file) => `${file.toString('base64')}\n`).join(''));
  if ((await ended) !== 0) throw new Error('read_mutated.py failed');
  return lines
    .join('')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Answer);
}

/** Prints the counts, and the first differences; only two that both read can differ. */
function report(name: string, pairs: readonly { found: Answer; expected: Answer; input: Buffer }[]): void {
  const refused = pairs.filter(({ expected }) => expected.error !== undefined);
  const differing = pairs.filter(
    ({ found, expected }) => expected.error === undefined && canonical(found) !== canonical(expected),
  );
  console.log(
    `${name}: ${inputs} inputs from seed ${seed}, ${pairs.length} read, ${refused.length} of them refused by the reference, ` +
      `${differing.length} read otherwise`,
  );
  const reasons = new Map<string, number>();
  for (const { expected } of refused) {
    const reason = expected.error!.replace(/`.*?`|\d+/g, '...').slice(0, 90);
    reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  }
  for (const [reason, count] of reasons) console.log(`  ${count} refused: ${reason}`);
  for (const { found, expected, input } of differing.slice(0, 3)) {
    console.log(
      `  found    ${canonical(found)}\n  expected ${canonical(expected)}\n  ${input.toString('base64')}`,
    );
  }
  if (differing.length > 0) process.exitCode = 1;
}

function canonical(answer: Answer): string {
  return JSON.stringify(answer, (_, value) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)))
      : value,
  );
}

async function compareSafetensors(): Promise<void> {
  const fixtures = join(import.meta.dirname, '../packages/tensor/src/safetensors/__fixtures__');
  const names = ['dtypes.safetensors', 'float8.safetensors', 'sharded/model-00001-of-00002.safetensors'];
  const originals = await Promise.all(names.map((name) => readFile(join(fixtures, name))));
  const read = accepted(
    (random) => mutateBytes(random, originals),
    (bytes): Answer => {
      const length = parseHeaderLength('', bytes.subarray(0, lengthFieldBytes), bytes.length);
      const dataStart = lengthFieldBytes + length;
      const { entries } = parseHeader(
        '',
        bytes.subarray(lengthFieldBytes, dataStart),
        bytes.length - dataStart,
      );
      const tensors = entries.map(({ name, storedDtype, shape, begin, end }) => {
        const data = bytes.subarray(dataStart + begin, dataStart + end);
        return [name, storedDtype, shape, null, createHash('sha256').update(data).digest('hex')] as const;
      });
      return {
        tensors: tensors.sort(([one], [other]) => Buffer.compare(Buffer.from(one), Buffer.from(other))),
      };
    },
  );
  const answers = await askPython(
    'safetensors',
    read.map(({ input }) => input),
  );
  report(
    'safetensors',
    read.map(({ input, found }, index) => ({ input, found, expected: answers[index]! })),
  );
}

async function compareGguf(): Promise<void> {
  const originals = filesToDamage();
  const read = accepted(
    (random) => mutateBytes(random, originals),
    (bytes): Answer => {
      const header = parseGgufHeader('', bytes, bytes.length);
      return {
        tensors: header.tensors.map(({ name, type, shape, offset, byteLength }) => [
          name,
          type.name,
          shape,
          offset,
          byteLength,
        ]),
        metadata: Object.fromEntries([...header.metadata].map(([key, value]) => [key, plain(value)])),
      };
    },
  );
  const answers = await askPython(
    'gguf',
    read.map(({ input }) => input),
  );
  report(
    'GGUF',
    read.map(({ input, found }, index) => ({ input, found, expected: shortened(answers[index]!) })),
  );
}

/** A metadata value as read_mutated.py prints it. */
function plain(value: unknown): unknown {
  if (ArrayBuffer.isView(value)) return Array.from(value as unknown as ArrayLike<unknown>, plain);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (typeof value !== 'number') return value;
  if (Number.isFinite(value)) return Number.isSafeInteger(value) ? value : Math.fround(value);
  return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf';
}

/** Both sides as float32: here a float32 is the shortest decimal that stands for it. */
function shortened({ metadata, ...answer }: Answer): Answer {
  if (metadata === undefined) return answer;
  const floats = (value: unknown): unknown => (Array.isArray(value) ? value.map(floats) : plain(value));
  return {
    ...answer,
    metadata: Object.fromEntries(Object.entries(metadata).map(([key, value]) => [key, floats(value)])),
  };
}

async function compareTokenizers(): Promise<void> {
  const texts = ['Hello,  world 123 \u{1f600} \u0301\n', "it's a TEST", ' \u2581the\t'];
  const originals: string[] = [];
  for (let index = 0; originals.length < 300; index++) {
    const { tokenizer } = randomTokenizerCase(new Random(seed + index), 0);
    try {
      new TextTokenizer('', tokenizer);
      originals.push(JSON.stringify(tokenizer));
    } catch {
      // Refused as it is.
    }
  }
  const read = accepted(
    (random) => mutateJson(random, originals),
    (content) => {
      const tokenizer = new TextTokenizer('', content);
      tokenizer.encode(texts[0]!);
    },
  );
  const answers = await askTokenizers(read.map(({ input }) => ({ tokenizer: input, texts })));
  const total = { equal: 0, refused: 0, different: 0 };
  for (const [index, { input }] of read.entries()) {
    const { counts, differences } = compareAnswers(
      () => new TextTokenizer('', input),
      texts,
      answers[index]!,
    );
    total.equal += counts.equal;
    total.refused += counts.refused;
    total.different += counts.different;
    if (differences.length > 0 && total.different < 20)
      console.log(`  ${JSON.stringify(differences[0])}\n  ${JSON.stringify(input).slice(0, 1500)}`);
  }
  console.log(
    `tokenizers: ${inputs} inputs from seed ${seed}, ${read.length} read; texts: ${total.equal} equal, ${total.refused} refused, ` +
      `${total.different} different`,
  );
  if (total.different > 0) process.exitCode = 1;
}

const comparisons = { safetensors: compareSafetensors, gguf: compareGguf, tokenizers: compareTokenizers };
for (const [name, compare] of Object.entries(comparisons)) {
  if (values.only === undefined || values.only === name) await compare();
}
