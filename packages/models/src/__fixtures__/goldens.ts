import { mkdtempSync, rmSync } from 'node:fs';
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type HostArray, openSafetensors, readTensor } from '@safetune/tensor';
import { afterAll } from 'vitest';

const root = new URL('../../../../conformance/goldens/checkpoints/', import.meta.url);

/** The checkpoints made by Python transformers; see conformance/README.md. */
export const goldenNames = [
  'qwen2-tied-bfloat16',
  'qwen2-untied-float32-sharded',
  'llama-untied-float32',
  'llama-tied-bfloat16-rope-scaled',
  'llama-untied-float16',
] as const;

export type GoldenName = (typeof goldenNames)[number];

/** What expected.json holds. */
export interface GoldenExpectations {
  readonly generation: {
    readonly promptIds: readonly number[];
    readonly tokens: readonly number[];
    readonly text: string;
  };
  readonly texts: readonly {
    readonly text: string;
    readonly ids: readonly number[];
    readonly idsWithoutSpecialTokens: readonly number[];
    readonly decoded: string;
  }[];
  readonly chats: readonly {
    readonly name: string;
    readonly messages: readonly { readonly role: string; readonly content: string }[];
    readonly addGenerationPrompt: boolean;
    readonly rendered: string;
    readonly ids: readonly number[];
  }[];
}

export function goldenDirectory(name: GoldenName): string {
  return fileURLToPath(new URL(name, root));
}

export async function goldenExpectations(name: GoldenName): Promise<GoldenExpectations> {
  return JSON.parse(
    await readFile(join(goldenDirectory(name), 'expected.json'), 'utf8'),
  ) as GoldenExpectations;
}

/** All tensors of a golden file. */
export async function goldenTensors(
  name: GoldenName,
  file = 'expected.safetensors',
): Promise<Record<string, HostArray>> {
  const { tensors } = await openSafetensors(join(goldenDirectory(name), file));
  const entries = [...tensors].map(async ([key, region]) => [key, await readTensor(region)] as const);
  return Object.fromEntries(await Promise.all(entries));
}

/** A folder that is removed after the file's tests; call it outside of them. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'safetune-models-'));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Makes changed copies of golden folders, in a folder of their own each; call it outside of tests. */
export function checkpointCopies(): (name: GoldenName, change?: CheckpointChange) => Promise<string> {
  const parent = temporaryDirectory();
  let copies = 0;
  return async (name, { config, files = {}, without = [] } = {}) => {
    const directory = join(parent, `${name}-${copies++}`);
    await cp(goldenDirectory(name), directory, { recursive: true });
    for (const file of without) await rm(join(directory, file));
    for (const [file, content] of Object.entries(files)) {
      await writeFile(join(directory, file), typeof content === 'string' ? content : JSON.stringify(content));
    }
    if (config !== undefined) {
      const path = join(directory, 'config.json');
      const present = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
      await writeFile(path, JSON.stringify({ ...present, ...config }));
    }
    return directory;
  };
}

/** What a copy has other than its original. */
export interface CheckpointChange {
  /** Keys of config.json. A value of undefined removes the key. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Files to write: texts, or values to write as JSON. */
  readonly files?: Readonly<Record<string, unknown>>;
  /** Files to remove. */
  readonly without?: readonly string[];
}
