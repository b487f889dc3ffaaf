import { createRequire } from 'node:module';
import { cpus } from 'node:os';
import { fileDigest } from '@safetune/tensor';
import { z } from 'zod';
import { differences, type Fingerprint } from '../run/differences.ts';

/** What a run was made of, as it is written beside its adapter. */
export const recordSchema = z.strictObject({
  /** SHA-256 of each data file, by its path. */
  data: z.record(z.string(), z.string()),
  /** What decides the result: settings, and SHA-256 of the model, its tokenizer and template, the examples and what regularizers read. */
  facts: z.record(z.string(), z.string()),
  versions: z.record(z.string(), z.string()),
  machine: z.record(z.string(), z.string()),
});

export type RunRecord = z.output<typeof recordSchema>;

/** Data files by path, with their SHA-256. @throws FileReadError */
export async function dataDigests(files: readonly string[]): Promise<Record<string, string>> {
  const digests: Record<string, string> = {};
  for (const file of files) digests[file] = (await fileDigest(file)) ?? 'missing';
  return digests;
}

/** @param others versions of what took part besides the packages of training */
export function recordOf(
  data: RunRecord['data'],
  facts: Fingerprint,
  others: RunRecord['versions'] = {},
): RunRecord {
  return { data, facts: { ...facts }, versions: { ...versions(), ...others }, machine: machine() };
}

/** What has changed that decides the result, by name. Data files are compared in their order, wherever they lie. */
export function changesOf(saved: RunRecord, present: Pick<RunRecord, 'data' | 'facts'>): string[] {
  const [before, now] = [Object.values(saved.data), Object.entries(present.data)];
  const files = now
    .filter(([, digest], index) => digest !== before[index])
    .map(([path]) => `data file ${path}`);
  const gone = before.length > now.length ? [`${before.length - now.length} data files less`] : [];
  return [...files, ...gone, ...differences(saved.facts, present.facts)];
}

/** What differs that may move last digits: versions of what trains, and the machine. */
export function surroundingsOf({
  versions: saved,
  machine: of,
}: Pick<RunRecord, 'versions' | 'machine'>): string[] {
  const present = versions();
  const ofTraining = Object.fromEntries(Object.entries(saved).filter(([name]) => name in present));
  return [...differences(ofTraining, present), ...differences(of, machine())];
}

function machine(): RunRecord['machine'] {
  const [first] = cpus();
  return {
    system: `${process.platform} ${process.arch}`,
    processor: first?.model ?? 'unknown',
    processors: `${cpus().length}`,
  };
}

const packages = ['trainer', 'tensor', 'lora', 'models', 'datasets', 'hub', 'regularizers'];

let known: RunRecord['versions'] | undefined;

function versions(): RunRecord['versions'] {
  known ??= {
    node: process.versions.node,
    ...Object.fromEntries(
      packages.map((name) => [`@safetune/${name}`, versionOf(`@safetune/${name}`, import.meta.url)]),
    ),
    'onnxruntime-node': versionOf(
      'onnxruntime-node',
      createRequire(import.meta.url).resolve('@safetune/tensor/package.json'),
    ),
  };
  return known;
}

function versionOf(name: string, from: string): string {
  const { version } = createRequire(from)(`${name}/package.json`) as { readonly version: string };
  return version;
}
