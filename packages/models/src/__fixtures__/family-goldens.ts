import { readdirSync } from 'node:fs';
import { copyFile, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type HostArray, hostArray, openSafetensors, readTensor, writeSafetensors } from '@safetune/tensor';
import { type FormulaModel, formulaWeight } from '../../../../conformance/formula-weights.ts';

const root = fileURLToPath(new URL('../../../../conformance/goldens/families/', import.meta.url));

/** A small model of every family and of every kind of rotary positions; see conformance/README.md. */
export const familyGoldenNames = readdirSync(root).sort();

/** What expected.json of a family's golden holds. */
export interface FamilyExpectations extends FormulaModel {
  /** Shape of every tensor of the checkpoint, by name. */
  readonly tensors: Readonly<Record<string, readonly number[]>>;
  readonly prompts: readonly (readonly number[])[];
  /** Greedy tokens after each prompt by itself. */
  readonly continuations: readonly (readonly number[])[];
}

export async function familyExpectations(name: string): Promise<FamilyExpectations> {
  return JSON.parse(await readFile(join(root, name, 'expected.json'), 'utf8')) as FamilyExpectations;
}

/** The content of config.json. */
export async function familyConfig(name: string): Promise<unknown> {
  return JSON.parse(await readFile(join(root, name, 'config.json'), 'utf8'));
}

/** The tensors of expected.safetensors. */
export async function familyTensors(name: string): Promise<Record<string, HostArray>> {
  const { tensors } = await openSafetensors(join(root, name, 'expected.safetensors'));
  const entries = [...tensors].map(async ([key, region]) => [key, await readTensor(region)] as const);
  return Object.fromEntries(await Promise.all(entries));
}

/** Writes the model folder of a golden, with the config.json of that file. */
export async function writeFamilyModel(
  name: string,
  directory: string,
  configFile: 'config.json' | 'config.version-4.json' = 'config.json',
): Promise<string> {
  const expected = await familyExpectations(name);
  await mkdir(directory, { recursive: true });
  await copyFile(join(root, name, configFile), join(directory, 'config.json'));
  const tensors = Object.entries(expected.tensors).map(
    ([key, shape]) => [key, hostArray(formulaWeight(key, shape, expected), shape)] as const,
  );
  await writeSafetensors(join(directory, 'model.safetensors'), Object.fromEntries(tensors));
  return directory;
}
