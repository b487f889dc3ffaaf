export { canonicalJson } from './canonical-json.ts';
export { EvidenceError } from './evidence-error.ts';
export { type Manifest, manifestFile } from './manifest.ts';
export { keyIdOf, type PublicKey, readPublicKeys } from './public-keys.ts';
export { openSigningKey, rotateSigningKey, type SigningKey } from './signing-key.ts';
export {
  type EvidenceFinding,
  type VerifiedManifest,
  type VerifyManifestOptions,
  verifyManifest,
} from './verify-manifest.ts';
