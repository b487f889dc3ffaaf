import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { manifestFile, type PublicKey, readPublicKeys, verifyManifest } from '@safetune/server/evidence';
import { runFileName } from '@safetune/trainer';
import { print } from '../terminal/output.ts';
import { printableName } from '../terminal/printable.ts';
import { UsageError } from '../usage-error.ts';

/** Options that only a model of a service has. */
export interface ModelEvidence {
  readonly publicKeys: readonly string[];
  readonly base: string | undefined;
  readonly data: string | undefined;
}

/**
 * Whether the folder is verified by its manifest: a service made it, or a key is given.
 *
 * @throws UsageError for a service's model without a key, as then nothing would say who signed it.
 */
export function hasManifest(folder: string, { publicKeys, base, data }: ModelEvidence): boolean {
  if (publicKeys.length > 0) return true;
  const lone = [base && '--base', data && '--data'].find(Boolean);
  if (lone !== undefined) throw new UsageError(`${lone} stands beside --public-key`);
  if (!existsSync(join(folder, manifestFile)) || existsSync(join(folder, runFileName))) return false;
  throw new UsageError(
    `${folder} is a model of a service: verify needs --public-key FILE, a key of the provider's that you got from them`,
  );
}

/** Verifies a model by its manifest, and tells what it says. @throws Error that names all that is wrong. */
export async function verifyModel(folder: string, { publicKeys, base, data }: ModelEvidence): Promise<void> {
  const keys: PublicKey[] = [];
  for (const file of publicKeys) keys.push(...(await readPublicKeys(file)));
  const { manifest, signedBy, findings, verified } = await verifyManifest(folder, {
    publicKeys: keys,
    ...(base !== undefined && { base }),
    ...(data !== undefined && { data }),
  });
  if (findings.length > 0 || manifest === undefined) {
    const told = findings.map(({ file, message }) => `  ${printableName(file)} ${message}`);
    throw new Error(
      `${folder} is not what its manifest says, or who signed it is not known:\n${told.join('\n')}`,
    );
  }
  const { model, tenant, job, gate, screening, safeguards } = manifest;
  const lines = [
    `${folder}: as the key ${signedBy} signed it (${verified.join(', ')})`,
    `  model ${printableName(model)} of ${printableName(tenant)}, job ${printableName(job)}`,
    `  safeguards: ${safeguards.map(({ type }) => printableName(type)).join(', ') || 'none'}`,
    ...(screening === null ? [] : [`  screening: ${screening.outcome}`]),
    // Without figures the reason says why: the policy measures nothing, or keeps them.
    `  gate: ${gate.measurements.length === 0 && gate.reason !== '' ? printableName(gate.reason) : gate.outcome}`,
  ];
  print(`${lines.join('\n')}\n`);
}
