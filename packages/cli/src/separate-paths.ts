import { lstat, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { UsageError } from './usage-error.ts';

/** A path and the option that gave it. */
export interface NamedPath {
  readonly name: string;
  readonly path: string;
}

/**
 * Makes sure that nothing which is written is also read, or written twice, under whatever name: through links as well.
 *
 * @throws UsageError naming both options.
 */
export async function requireSeparatePaths(
  inputs: readonly NamedPath[],
  outputs: readonly NamedPath[],
): Promise<void> {
  for (const [index, output] of outputs.entries()) {
    for (const other of [...inputs, ...outputs.slice(0, index)]) {
      if (!(await isSame(output.path, other.path))) continue;
      throw new UsageError(
        `${output.name} would overwrite what ${other.name} names (${other.path}); write to another place`,
      );
    }
  }
}

async function isSame(first: string, second: string): Promise<boolean> {
  const [one, other] = [await realPath(first), await realPath(second)];
  if (one === other) return true;
  try {
    const [oneFile, otherFile] = [await stat(one), await stat(other)];
    return oneFile.dev === otherFile.dev && oneFile.ino === otherFile.ino;
  } catch {
    return false;
  }
}

/** The path without links, also of what does not exist yet. */
async function realPath(path: string): Promise<string> {
  const absolute = resolve(path);
  try {
    return await realpath(absolute);
  } catch {
    const parent = dirname(absolute);
    return parent === absolute ? absolute : join(await realPath(parent), basename(absolute));
  }
}

/**
 * Refuses to write over what is there, unless that was asked for.
 *
 * @throws UsageError saying what is there and what to do.
 */
export async function refuseToOverwrite(
  path: string,
  { force, holds }: { readonly force: boolean; readonly holds: string },
): Promise<void> {
  if (force || !(await exists(path))) return;
  throw new UsageError(
    `${path} is there already: ${holds}. Write to another place, or overwrite it with --force`,
  );
}

/**
 * {@link refuseToOverwrite} for the folder of an adapter: without `force` another adapter stays, and a model's folder does too.
 *
 * @throws UsageError
 */
export async function refuseToOverwriteAdapter(folder: string, force: boolean): Promise<void> {
  for (const file of ['adapter_model.safetensors', 'adapter_config.json'])
    await refuseToOverwrite(join(folder, file), { force, holds: 'an adapter' });
  await refuseToOverwrite(join(folder, 'config.json'), {
    force,
    holds: "--out is a model's checkpoint folder",
  });
}

/** Whether anything has this path, a link to nothing included. */
export async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch {
    return false;
  }
}
