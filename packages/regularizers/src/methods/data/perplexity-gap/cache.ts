import { createHash } from 'node:crypto';
import { open, readFile, truncate } from 'node:fs/promises';
import type { ChatExample } from '@safetune/datasets';
import { z } from 'zod';
import { AnswerLossError, ScoreFileError } from '../../../errors.ts';
import { checkOptions } from '../../../interface/options.ts';
import { type AnswerLoss, checkLoss } from './perplexity-gap.ts';

/** Options of {@link cachedAnswerLoss}. */
export interface CachedAnswerLossOptions {
  /** A JSONL file of losses, `{"example": hash, "model": id, "loss": nats}`; made when missing. Models share it. */
  readonly file: string;
  /** Says which model this is; another model, adapter or tokenizer needs another id. */
  readonly model: string;
  readonly loss: AnswerLoss;
  /** Examples whose losses are computed, then written, together. Default 32. */
  readonly chunkSize?: number;
  /** Hears after every chunk. */
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
}

/**
 * An answer loss that remembers: what the file holds is not computed again, and what is computed is appended at once,
 * so that a killed run goes on where it was. A last line that was cut short is dropped.
 *
 * One process at a time may use a file.
 *
 * @throws ScoreFileError for a file that is damaged before its last line, or cannot be read or written;
 * AnswerLossError for a loss that is missing, negative or not finite: nothing of its chunk is kept.
 */
export function cachedAnswerLoss(
  options: CachedAnswerLossOptions,
): (examples: readonly ChatExample[]) => Promise<Float64Array> {
  checkOptions('cached answer loss', options, ['file', 'model', 'loss', 'chunkSize', 'onProgress']);
  const { file, model, loss, chunkSize = 32, onProgress } = options;
  return async (examples) => {
    const known = await openCache(file, model);
    const hashes = examples.map(exampleHash);
    const firstPlaces = new Map(hashes.map((hash, index) => [hash, index] as const).reverse());
    const missing = [...hashes.keys()].filter(
      (index) => !known.has(hashes[index]!) && firstPlaces.get(hashes[index]!) === index,
    );
    let done = examples.length - missing.length;
    for (let start = 0; start < missing.length; start += chunkSize) {
      const chunk = missing.slice(start, start + chunkSize);
      const losses = await loss(chunk.map((index) => examples[index]!));
      if (losses.length !== chunk.length) {
        throw new AnswerLossError(
          model,
          `${chunk.length} examples were given, ${losses.length} losses came back`,
        );
      }
      const records = chunk.map((index, at) => ({
        example: hashes[index]!,
        model,
        loss: checkLoss(model, losses[at]),
      }));
      await append(file, records.map((record) => `${JSON.stringify(record)}\n`).join(''));
      for (const record of records) known.set(record.example, record.loss);
      done += chunk.length;
      onProgress?.({ done, total: examples.length });
    }
    return Float64Array.from(hashes, (hash) => known.get(hash)!);
  };
}

/** SHA-256 of what is said and seen in an example: equal conversations are one example. */
export function exampleHash({ messages, text, tools, documents, templateArguments }: ChatExample): string {
  const said = messages.map(({ role, content, ...others }) =>
    Object.keys(others).length === 0 ? [role, content] : [role, content, others],
  );
  const seen = { text, tools, documents, templateArguments };
  const isPlain = Object.values(seen).every((value) => value === undefined);
  // What older versions could read keeps the hash that they gave it.
  const content = JSON.stringify(isPlain ? said : [said, seen]);
  return createHash('sha256').update(content).digest('hex');
}

const recordSchema = z.object({ example: z.string(), model: z.string(), loss: z.number().nonnegative() });

/** Losses of one model, by example. Cuts a torn last line off the file. */
async function openCache(file: string, model: string): Promise<Map<string, number>> {
  const text = await readOptional(file);
  const end = text.lastIndexOf('\n') + 1;
  if (end < text.length) await onDisk(file, () => truncate(file, Buffer.byteLength(text.slice(0, end))));
  const known = new Map<string, number>();
  const lines = text.slice(0, end).split('\n').slice(0, -1);
  for (const [index, line] of lines.entries()) {
    const record = parseRecord(line);
    if (record === undefined) {
      throw new ScoreFileError(
        file,
        `line ${index + 1} is not a score; delete the line, or the file to score anew`,
      );
    }
    if (record.model === model) known.set(record.example, record.loss);
  }
  return known;
}

function parseRecord(line: string): z.infer<typeof recordSchema> | undefined {
  try {
    return recordSchema.parse(JSON.parse(line));
  } catch {
    return undefined;
  }
}

async function readOptional(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw new ScoreFileError(file, `it cannot be read (${(cause as Error).message})`, { cause });
  }
}

async function append(file: string, lines: string): Promise<void> {
  await onDisk(file, async () => {
    const handle = await open(file, 'a');
    try {
      await handle.writeFile(lines);
      await handle.sync();
    } finally {
      await handle.close();
    }
  });
}

async function onDisk(file: string, action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (cause) {
    throw new ScoreFileError(file, `it cannot be written (${(cause as Error).message})`, { cause });
  }
}
