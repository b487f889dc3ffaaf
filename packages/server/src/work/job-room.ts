import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { currentProcess, isProcessAlive, type ProcessOwner, writeFileAtomically } from '@safetune/tensor';

const ownerFile = 'owner.json';

/** A folder of an attempt's own, which is known by the process that made it. */
export async function makeRoom(
  scratch: string,
  name: string,
): Promise<{ readonly folder: string; readonly run: string }> {
  await mkdir(scratch, { recursive: true });
  const folder = await mkdtemp(join(scratch, `${name}-`));
  await writeFileAtomically(join(folder, ownerFile), JSON.stringify(currentProcess()));
  const run = join(folder, 'run');
  await mkdir(run);
  return { folder, run };
}

/** Removes folders that workers left which were killed. Those of processes of which nothing can be known stay. */
export async function removeAbandonedRooms(scratch: string): Promise<void> {
  const names = await readdir(scratch).catch(() => []);
  for (const name of names) {
    const folder = join(scratch, name);
    const owner = await readFile(join(folder, ownerFile), 'utf8').catch(() => undefined);
    if (owner === undefined) continue;
    if (isProcessAlive(JSON.parse(owner) as ProcessOwner) === false)
      await rm(folder, { recursive: true, force: true });
  }
}
