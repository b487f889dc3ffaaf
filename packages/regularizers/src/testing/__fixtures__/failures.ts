import { expect } from 'vitest';
import type { Regularizer, RegularizerConfig } from '../../index.ts';
import { type ContractOptions, ContractViolation, regularizerContract } from '../index.ts';

/** A regularizer of a kind of its own, whose only option is its weight. */
export function custom(members: Omit<Regularizer, 'name' | 'config' | 'weight'>, weight = 1): Regularizer {
  return { name: 'custom', config: { type: 'custom', weight }, weight, ...members };
}

export interface Failure {
  readonly check: string;
  readonly message: string;
}

/** The checks that fail, every violation under the name of the check it comes from. */
export async function failures(
  make: (weight?: number) => Regularizer,
  options: ContractOptions = {},
): Promise<Failure[]> {
  const fromConfig = ({ weight }: RegularizerConfig) => make(weight as number);
  const found: Failure[] = [];
  for (const { name, run } of await regularizerContract(() => make(), { fromConfig, ...options })) {
    await run().catch((error: unknown) => {
      if (!ContractViolation.isInstance(error)) throw error;
      expect(error.check).toBe(name);
      found.push({ check: name, message: error.message });
    });
  }
  return found;
}

/** Their names. */
export const checksOf = (found: readonly Failure[]) => found.map(({ check }) => check);
