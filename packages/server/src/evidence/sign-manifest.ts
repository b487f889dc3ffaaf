import { verify } from 'node:crypto';
import type { z } from 'zod';
import { canonicalJson } from './canonical-json.ts';
import type { Manifest, signatureSchema } from './manifest.ts';
import type { PublicKey } from './public-keys.ts';
import type { SigningKey } from './signing-key.ts';

type Signature = z.output<typeof signatureSchema>;

/** What is signed: a word that no other use of the key begins with, and the manifest's canonical text. */
function signedBytes(manifest: unknown): Buffer {
  return Buffer.from(`safetune-manifest-v1\n${canonicalJson(manifest)}`, 'utf8');
}

/** The text of a manifest's file. */
export function signedManifest(manifest: Manifest, key: SigningKey): string {
  const signature: Signature = {
    algorithm: 'Ed25519',
    key: key.id,
    value: key.sign(signedBytes(manifest)),
  };
  return manifestText(manifest, signature);
}

export function manifestText(manifest: Manifest, signature: Signature | null): string {
  return `${JSON.stringify({ manifest, signature }, null, 2)}\n`;
}

/** @param manifest as it was read, with all that stands in it */
export function isSignedBy(manifest: unknown, { value }: Signature, { key }: PublicKey): boolean {
  let bytes: Buffer;
  try {
    bytes = signedBytes(manifest);
  } catch {
    // What has no canonical text was never signed.
    return false;
  }
  return verify(null, bytes, key, Buffer.from(value, 'base64'));
}
