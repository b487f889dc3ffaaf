import { type Policy, policySchema } from '../policy/policy-schema.ts';

/** A policy with these fields, and defaults. */
export function smallPolicy(fields: Record<string, unknown> = {}): Policy {
  return {
    ...policySchema.parse({ models: { small: { path: 'small' } }, ...fields }),
    sha256: 'a'.repeat(64),
    poolMethods: {},
  };
}
