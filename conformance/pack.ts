/** The packages of the workspace, and their tarballs as they would be published. */
import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export const workspace = resolve(import.meta.dirname, '..');

export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly private?: boolean;
  readonly exports?: Readonly<Record<string, unknown>>;
}

export async function workspacePackages(): Promise<string[]> {
  const entries = await readdir(join(workspace, 'packages'), { withFileTypes: true });
  const folders = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return folders.sort().map((name) => join(workspace, 'packages', name));
}

/** Packs a package that is built; gives the tarball's path. */
export async function pack(folder: string, destination: string): Promise<string> {
  const before = new Set(await readdir(destination));
  await run('pnpm', ['pack', '--pack-destination', destination], { cwd: folder });
  const tarball = (await readdir(destination)).find((name) => name.endsWith('.tgz') && !before.has(name));
  if (tarball === undefined) throw new Error('pnpm pack wrote no tarball');
  return join(destination, tarball);
}
