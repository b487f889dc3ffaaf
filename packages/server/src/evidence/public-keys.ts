import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readSmallText } from '@safetune/tensor';
import { EvidenceError } from './evidence-error.ts';

/** A key that signatures are verified with. */
export interface PublicKey {
  readonly id: string;
  readonly key: KeyObject;
}

/** The id of a public key: the first 128 bits of the SHA-256 of its DER form (SubjectPublicKeyInfo), in hex. */
export function keyIdOf(key: KeyObject): string {
  const der = key.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(der).digest('hex').slice(0, 32);
}

/**
 * Public keys of a PEM file, or of all `.pem` files of a folder, such as a service's `keys/public`.
 *
 * @throws EvidenceError for what is no Ed25519 public key, a private one among it; FileReadError.
 */
export async function readPublicKeys(path: string): Promise<readonly PublicKey[]> {
  const isFolder = (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
  if (!isFolder) return [publicKeyOf(path, await readSmallText(path, { maximumBytes: 65_536 }))];
  const keys = await publicKeysIn(path);
  if (keys.length === 0) throw new EvidenceError(path, 'holds no public key (.pem)');
  return keys;
}

/** Those of all `.pem` files of a folder, by name; none where there is no such folder. @throws as {@link readPublicKeys} for what is no key. */
export async function publicKeysIn(folder: string): Promise<readonly PublicKey[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const files = names.filter((name) => name.endsWith('.pem')).sort();
  return Promise.all(files.map(async (name) => (await readPublicKeys(join(folder, name)))[0]!));
}

/** @throws EvidenceError */
export function publicKeyOf(source: string, pem: string): PublicKey {
  if (pem.includes('PRIVATE KEY'))
    throw new EvidenceError(source, 'is a private key, which stays where it is: give the public one');
  let key: KeyObject;
  try {
    key = createPublicKey(pem);
  } catch (cause) {
    throw new EvidenceError(source, 'is no public key in PEM', { cause });
  }
  if (key.asymmetricKeyType !== 'ed25519')
    throw new EvidenceError(source, `is a key of the kind ${key.asymmetricKeyType}, needed is ed25519`);
  return { id: keyIdOf(key), key };
}
