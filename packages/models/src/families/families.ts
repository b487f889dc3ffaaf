import { FamilyError } from '../errors.ts';
import type { Family } from './family.ts';
import { gemma2 } from './gemma2.ts';
import { gemma3 } from './gemma3.ts';
import { gptNeox } from './gpt-neox.ts';
import { granite } from './granite.ts';
import { llama } from './llama.ts';
import { mistral } from './mistral.ts';
import { olmo2 } from './olmo2.ts';
import { phi3 } from './phi3.ts';
import { qwen2 } from './qwen2.ts';
import { qwen3 } from './qwen3.ts';
import { smollm3 } from './smollm3.ts';

/** The families there are, found by `model_type`. A new one is added here. */
const own: readonly Family[] = [
  gemma2,
  gemma3,
  gptNeox,
  granite,
  llama,
  mistral,
  olmo2,
  phi3,
  qwen2,
  qwen3,
  smollm3,
];

const known = new Map(own.map((family) => [family.modelType, family]));

/** The family of that `model_type`. */
export function familyOf(modelType: string | undefined): Family | undefined {
  return modelType === undefined ? undefined : known.get(modelType);
}

/** Every `model_type` there is a family for. */
export function knownModelTypes(): string[] {
  return [...known.keys()].sort();
}

/**
 * Makes a family known to this process: from then on `loadModel`, and all that loads models by it, knows its `model_type`.
 * Registering the same object again does nothing.
 *
 * @throws FamilyError when another family of that `model_type` is known.
 */
export function registerFamily(family: Family): void {
  const present = known.get(family.modelType);
  if (present === family) return;
  if (present !== undefined) {
    throw new FamilyError(
      family.modelType,
      `there is a family of that model_type already; give yours a name of its own`,
    );
  }
  known.set(family.modelType, family);
}
