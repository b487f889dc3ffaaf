import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { writeFileAtomically } from '../atomic-file.ts';
import { readSmallJson } from '../files/read-small-file.ts';
import { fileIdentity } from './file-identity.ts';

/** What lies beside a file of the cache: what it holds, and in which state it was last found to hold it. */
interface Seal {
  /** SHA-256 of all its bytes. */
  readonly sha256: string;
  /** {@link fileIdentity}: as long as it is the same, the file needs not be read again. */
  readonly identity: string;
}

function sealOf(path: string): string {
  return `${path}.seal`;
}

/** Most systems stamp times in steps of up to 10 ms: later than this a change of a file shows. */
const timeStampMilliseconds = 30;

/**
 * Writes down beside a file that was made just now what it holds.
 *
 * @param sha256 - of the bytes that were written.
 * @throws FileWriteError
 */
export async function sealFile(path: string, sha256: string): Promise<void> {
  await setTimeout(timeStampMilliseconds);
  await writeSeal(path, sha256);
}

async function writeSeal(path: string, sha256: string): Promise<void> {
  const seal: Seal = { sha256, identity: await identityOf(path) };
  await writeFileAtomically(sealOf(path), `${JSON.stringify(seal)}\n`, { private: true });
}

/** True when the file holds what its seal says. Read whole only when it was touched since it was last looked at. */
export async function isIntact(path: string): Promise<boolean> {
  const seal = (await readSmallJson(sealOf(path)).catch(() => null)) as Partial<Seal> | null;
  if (typeof seal?.sha256 !== 'string') return false;
  const identity = await identityOf(path);
  if (identity === seal.identity) return true;
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20 }))
    hash.update(chunk as Uint8Array);
  if (hash.digest('hex') !== seal.sha256) return false;
  // Moved or copied, with its content: trusted from now on, should it not have changed while it was read.
  if ((await identityOf(path)) === identity) await writeSeal(path, seal.sha256);
  return true;
}

async function identityOf(path: string): Promise<string> {
  return fileIdentity(await stat(path, { bigint: true }));
}
