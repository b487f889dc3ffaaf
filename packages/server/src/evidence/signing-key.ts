import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from 'node:crypto';
import { chmod, link, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomically } from '@safetune/tensor';
import { EvidenceError } from './evidence-error.ts';
import { keyIdOf } from './public-keys.ts';

/** The key that a provider signs with. */
export interface SigningKey {
  readonly id: string;
  /** PEM, for whoever verifies. */
  readonly publicPem: string;
  /** Signature of the bytes, base64. */
  sign(bytes: Uint8Array): string;
}

const privateName = 'signing-key.pem';
/** In the folder of the key. */
export const publicFolder = 'public';

/**
 * Opens the provider's key in `keys` of a service's folder, and makes one where there is none: `signing-key.pem` with mode 0600, and
 * `public/<id>.pem` beside it. Several processes may come to it at once: all get the same key.
 *
 * @throws EvidenceError for a key that others can read, or that is none.
 */
export async function openSigningKey(folder: string): Promise<SigningKey> {
  await mkdir(join(folder, publicFolder), { recursive: true, mode: 0o700 });
  // Public keys are to be read by others; the folder above keeps to its owner.
  await chmod(join(folder, publicFolder), 0o755);
  const file = join(folder, privateName);
  const there = await readPrivate(file);
  if (there !== undefined) return opened(folder, there);
  const temporary = await writePrivate(file);
  try {
    // Fails where another process was faster: its key is the key.
    await link(temporary, file).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  } finally {
    await rm(temporary, { force: true });
  }
  return opened(folder, (await readPrivate(file))!);
}

/**
 * Makes a new key in the place of the old one. The old one's public key stays in `public`, so that what it signed is verified as
 * before; the old private key is gone. Workers that are running sign with the new one from then on.
 *
 * @throws EvidenceError where there is no old one, or one that cannot be used.
 */
export async function rotateSigningKey(folder: string): Promise<SigningKey> {
  const file = join(folder, privateName);
  const old = await readPrivate(file);
  if (old === undefined)
    throw new EvidenceError(
      file,
      'is not there: the first key is made when workers of the service are started',
    );
  // Whoever took it away from there has said that nothing is to be verified with it.
  const temporary = await writePrivate(file);
  // First of all everybody can verify what it will sign.
  await opened(folder, (await readPrivate(temporary))!);
  await rename(temporary, file);
  return opened(folder, (await readPrivate(file))!);
}

async function writePrivate(file: string): Promise<string> {
  const { privateKey } = generateKeyPairSync('ed25519');
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });
  await writeFile(temporary, pem, { mode: 0o600, flag: 'wx', flush: true });
  return temporary;
}

async function readPrivate(file: string): Promise<KeyObject | undefined> {
  let pem: string;
  try {
    const { mode } = await stat(file);
    // A secret that is mounted for a group is no mistake; one that everybody reads is.
    if (process.platform !== 'win32' && (mode & 0o007) !== 0)
      throw new EvidenceError(file, 'can be read by everybody on this machine: chmod 600, and rotate it');
    pem = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    // The cause might show what stands there.
    throw new EvidenceError(file, 'is no private key in PEM');
  }
  if (key.asymmetricKeyType !== 'ed25519')
    throw new EvidenceError(file, `is a key of the kind ${key.asymmetricKeyType}, needed is ed25519`);
  return key;
}

async function opened(folder: string, key: KeyObject): Promise<SigningKey> {
  const publicKey = createPublicKey(key);
  const id = keyIdOf(publicKey);
  const publicPem = publicKey.export({ type: 'spki', format: 'pem' }) as string;
  const file = join(folder, publicFolder, `${id}.pem`);
  if ((await readFile(file, 'utf8').catch(() => '')) !== publicPem) {
    await writeFileAtomically(file, [publicPem]);
    await chmod(file, 0o644);
  }
  return { id, publicPem, sign: (bytes) => sign(null, bytes, key).toString('base64') };
}
