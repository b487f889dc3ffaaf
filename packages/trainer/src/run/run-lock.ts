import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { currentProcess, isProcessAlive, type ProcessOwner, writeFileAtomically } from '@safetune/tensor';
import { RunDirectoryError } from '../errors.ts';

interface Holder extends ProcessOwner {
  readonly since: string;
}

interface Claim {
  readonly file: string;
  readonly holder: Holder;
}

const lockName = /^run\.[0-9a-f]{16}\.lock$/;
/** Two that begin at once see each other and step back: after a pause of random length one is first. */
const attempts = 6;

/**
 * Takes a folder for one run. Each contender puts a file of its own there and then looks for others: of two, at least one
 * sees the other. Files of processes that are gone, killed ones too, are cleared away.
 *
 * @returns gives the folder back
 * @throws RunDirectoryError naming the holder; FileWriteError.
 */
export async function lockRunDirectory(directory: string): Promise<() => void> {
  for (let attempt = 1; ; attempt++) {
    const own = await claim(directory);
    const others = standing(directory).filter(({ file }) => file !== own);
    if (others.length === 0) return () => rmSync(own, { force: true });
    rmSync(own, { force: true });
    if (attempt === attempts) throw new RunDirectoryError(directory, 'in-use', describe(others[0]!));
    await setTimeout(20 + Math.random() * 60 * attempt);
  }
}

/** Puts a file of this process into the folder, whole at once: others read it at any moment. */
async function claim(directory: string): Promise<string> {
  const file = join(directory, `run.${randomBytes(8).toString('hex')}.lock`);
  const holder: Holder = { ...currentProcess(), since: new Date().toISOString() };
  await writeFileAtomically(file, `${JSON.stringify(holder)}\n`);
  return file;
}

/** The claims of processes that live, or of which that cannot be known; removes all others. */
function standing(directory: string): Claim[] {
  const claims: Claim[] = [];
  for (const name of readdirSync(directory)) {
    if (!lockName.test(name)) continue;
    const file = join(directory, name);
    const holder = readHolder(file);
    if (holder === undefined) continue;
    if (isProcessAlive(holder) === false) rmSync(file, { force: true });
    else claims.push({ file, holder });
  }
  return claims;
}

/** Undefined when it was given back meanwhile. */
function readHolder(file: string): Holder | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const { pid, start, host, place, boot, since } = JSON.parse(text) as Partial<
      Record<keyof Holder, unknown>
    >;
    return {
      pid: Number(pid),
      start: String(start),
      host: String(host),
      place: String(place),
      boot: String(boot),
      since: String(since),
    };
  } catch {
    // A machine that lost its power may leave an empty file: whose it was cannot be known.
    return { pid: 0, start: '', host: 'unknown', place: '', boot: '', since: 'unknown' };
  }
}

function describe({ file, holder }: Claim): string {
  const { pid, host, since } = holder;
  const known = isProcessAlive(holder) !== undefined;
  return (
    `is in use: process ${pid} on ${host} has been training into it since ${since}. Wait for it, or choose another ` +
    `directory.${known ? '' : ` It cannot be seen from here; if it is gone, delete ${file}.`}`
  );
}
