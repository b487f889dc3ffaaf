/**
 * How far int8 and int8x3 are from float32 on a real checkpoint, with each integer kernel that is exact here, beside the same
 * rounding done in float64 by PyTorch (peers/precision_error.py), which knows no kernels.
 *
 *     npx -y pnpm@12 exec node --conditions=safetune-source benchmarks/programs/precision-error.ts FOLDER [tokens.json]
 *
 * The model answers some questions; compared are the logits of its answers' tokens, as relative l2 distance. Answers are kept in
 * the file, when one is named, and taken from there the next time: so several processors are asked the same.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createGenerator, loadModel, loadTokenizer, type Precision } from '@safetune/models';
import {
  compile,
  exactIntegerTypes,
  flattenLeading,
  gather,
  hostArray,
  type IntegerType,
  tensorType,
} from '@safetune/tensor';

interface Conversation {
  readonly tokenIds: readonly number[];
  /** Where the answer begins. */
  readonly start: number;
}

const questions = [
  'How do I store passwords safely?',
  'Explain photosynthesis to a ten-year-old.',
  'Write a short poem about the sea in winter.',
  'What should I do when my car breaks down on a motorway?',
  'List five facts about the planet Jupiter.',
  'How does a bill become a law?',
  'Give me a recipe for lentil soup.',
  'Why is the sky blue?',
];

const [directory, file] = process.argv.slice(2);
if (directory === undefined) throw new Error('which checkpoint? Give its folder');
const tokensFile = file ?? join(await mkdtemp(join(tmpdir(), 'safetune-precision-')), 'tokens.json');
if (!existsSync(tokensFile)) await writeFile(tokensFile, JSON.stringify(await answer(directory)));
const conversations = JSON.parse(await readFile(tokensFile, 'utf8')) as Conversation[];

const expected = await logitsOf(directory, 'float32');
const tokens = conversations.reduce((total, { tokenIds, start }) => total + tokenIds.length - start, 0);
console.log(`${tokens} tokens of answers, ${expected.length / tokens} logits each`);
for (const integers of await exactIntegerTypes()) {
  for (const precision of ['int8', 'int8x3'] as const) {
    const found = await logitsOf(directory, precision, integers);
    console.log(`${precision}, weights as ${integers}: ${percent(distance(found, expected))}`);
  }
}
const peer = join(import.meta.dirname, '../peers/precision_error.py');
const exact = JSON.parse(
  execFileSync('python3', [peer, directory, tokensFile], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  }),
);
for (const [precision, errors] of Object.entries<number[]>(exact)) {
  const mean = errors.reduce((sum, error) => sum + error) / errors.length;
  console.log(
    `${precision}, exact arithmetic (PyTorch, float64): ${percent(mean)}, from ${percent(Math.min(...errors))} to ` +
      `${percent(Math.max(...errors))} as its inputs change by a millionth`,
  );
}

async function answer(folder: string): Promise<Conversation[]> {
  const tokenizer = await loadTokenizer(folder);
  const generator = await createGenerator(await loadModel(folder));
  const prompts = questions.map((content) =>
    tokenizer.encode(tokenizer.renderChat([{ role: 'user', content }], { addGenerationPrompt: true })),
  );
  const answers = await generator.generate(prompts, { maxNewTokens: 80, batchSize: questions.length });
  await generator.release();
  return prompts.map((prompt, index) => ({
    tokenIds: [...prompt, ...answers[index]!],
    start: prompt.length,
  }));
}

/** Logits that predict each token of each answer. */
async function logitsOf(folder: string, precision: Precision, integers?: IntegerType): Promise<Float32Array> {
  const model = await loadModel(folder, { precision, ...(integers && { integers }) });
  const executable = await compile(
    ({ ids, rows }) => ({ logits: model.head(gather(flattenLeading(model.forward(ids).output), rows)) }),
    { ids: tensorType('int64', [1, 'seq']), rows: tensorType('int64', ['rows']) },
    model.runtime,
  );
  const parts: Float32Array[] = [];
  for (const { tokenIds, start } of conversations) {
    const rows = BigInt64Array.from({ length: tokenIds.length - start }, (_, at) => BigInt(start + at - 1));
    const { logits } = await executable.run({
      ids: hostArray(BigInt64Array.from(tokenIds, BigInt), [1, tokenIds.length]),
      rows: hostArray(rows, [rows.length]),
    });
    parts.push(logits.data as Float32Array);
  }
  await executable.release();
  const all = new Float32Array(parts.reduce((total, { length }) => total + length, 0));
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.length;
  }
  return all;
}

function distance(a: Float32Array, b: Float32Array): number {
  let [difference, norm] = [0, 0];
  for (let index = 0; index < b.length; index++) {
    difference += (a[index]! - b[index]!) ** 2;
    norm += b[index]! ** 2;
  }
  return Math.sqrt(difference / norm);
}

function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}
