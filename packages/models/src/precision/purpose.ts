import { exactIntegerTypes, type IntegerType } from '@safetune/tensor';
import { LoadOptionError } from '../errors.ts';
import type { Precision } from './precision.ts';

/** What a model is loaded for. */
export type ModelPurpose = 'training' | 'generation';

const purposes: readonly string[] = ['training', 'generation'] satisfies ModelPurpose[];

/** @throws LoadOptionError for anything else. */
export function checkPurpose(purpose: string): asserts purpose is ModelPurpose {
  if (purposes.includes(purpose)) return;
  throw new LoadOptionError(
    'loadModel',
    `there is no purpose '${purpose}'; there are ${purposes.join(', ')}`,
  );
}

/**
 * The type of 8-bit weights that a purpose asks for; undefined where the best one for training will do. Products that round in
 * blocks take unsigned weights: signed ones are turned round in memory when a session is made.
 */
export async function integersFor(
  purpose: ModelPurpose,
  precision: Precision,
): Promise<IntegerType | undefined> {
  if (purpose !== 'generation' || precision !== 'int8') return undefined;
  return (await exactIntegerTypes()).find((type) => type === 'uint8');
}
