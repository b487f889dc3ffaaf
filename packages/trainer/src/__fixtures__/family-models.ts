import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Batch } from '@safetune/datasets';
import { hostArray, openSafetensors, readTensor, writeSafetensors } from '@safetune/tensor';
import { type FormulaModel, formulaWeight } from '../../../../conformance/formula-weights.ts';
import { goldenBatch, readJson } from './goldens.ts';

const families = fileURLToPath(new URL('../../../../conformance/goldens/families', import.meta.url));

/** Writes the model folder of a family's golden. */
export async function writeFamilyModel(name: string, parent: string): Promise<string> {
  const golden = join(families, name);
  const expected = await readJson<FormulaModel & { tensors: Record<string, number[]> }>(
    golden,
    'expected.json',
  );
  const directory = join(parent, name);
  await mkdir(directory, { recursive: true });
  await copyFile(join(golden, 'config.json'), join(directory, 'config.json'));
  const tensors = Object.entries(expected.tensors).map(
    ([key, shape]) => [key, hostArray(formulaWeight(key, shape, expected), shape)] as const,
  );
  await writeSafetensors(join(directory, 'model.safetensors'), Object.fromEntries(tensors), {
    metadata: { format: 'pt' },
  });
  return directory;
}

/** The batch that the golden's cross-entropy is of. */
export async function familyBatch(name: string): Promise<{ batch: Batch; crossEntropy: number }> {
  const file = await openSafetensors(join(families, name, 'expected.safetensors'));
  const region = file.tensors.get('cross_entropy')!;
  return {
    batch: await goldenBatch(file, ''),
    crossEntropy: Number((await readTensor(region)).data[0]),
  };
}
