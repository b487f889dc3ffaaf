/**
 * Checks what would be published: packs every built package and runs publint and arethetypeswrong on the tarball.
 *
 *     npx -y pnpm@12 build && npx -y pnpm@12 packages [folder ...]
 *
 * Prints one line for each package; the exit code is 1 when there is any problem. Private packages are left out.
 */
import { execFile } from 'node:child_process';
import { access, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { type Manifest, pack, workspace, workspacePackages } from './pack.ts';

const run = promisify(execFile);
async function publintProblems(tarball: string): Promise<string[]> {
  const bytes = await readFile(tarball);
  const { messages, pkg } = await publint({ pack: { tarball: new Uint8Array(bytes).buffer } });
  return messages.map(
    (message) => `publint: ${formatMessage(message, pkg, { color: false }) ?? message.code}`,
  );
}

/** A package whose only export is its package.json, such as a command, has no types to be wrong. */
function hasEntryPoints(manifest: Manifest): boolean {
  return Object.keys(manifest.exports ?? {}).some((entry) => entry !== './package.json');
}

async function typeProblems(tarball: string): Promise<string[]> {
  const attw = join(workspace, 'node_modules', '.bin', 'attw');
  const options = ['--profile', 'esm-only', '--format', 'ascii', '--no-emoji', '--no-color'];
  try {
    await run(attw, [tarball, ...options]);
    return [];
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string };
    return [`attw: ${(stdout || stderr || String(error)).trim()}`];
  }
}

async function problemsOf(folder: string, manifest: Manifest, destination: string): Promise<string[]> {
  try {
    await access(join(folder, 'dist'));
  } catch {
    return ['has no dist: build first (npx -y pnpm@12 build)'];
  }
  try {
    const tarball = await pack(folder, destination);
    return [
      ...(await publintProblems(tarball)),
      ...(hasEntryPoints(manifest) ? await typeProblems(tarball) : []),
    ];
  } catch (error) {
    const { code, stderr, message } = error as { code?: unknown; stderr?: string; message?: string };
    if (code === 'ENOENT') return ['pnpm is not on the path: run this as npx -y pnpm@12 packages'];
    return [`cannot be packed: ${stderr || message || String(error)}`.trim()];
  }
}

const named = process.argv.slice(2).map((folder) => resolve(folder));
const folders = named.length > 0 ? named : await workspacePackages();
const destination = await mkdtemp(join(tmpdir(), 'safetune-packages-'));
let failed = 0;
try {
  for (const folder of folders) {
    const manifest = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as Manifest;
    if (manifest.private === true) continue;
    const problems = await problemsOf(folder, manifest, destination);
    if (problems.length === 0) {
      console.log(`${manifest.name}: fit to publish`);
    } else {
      failed += 1;
      console.error(`${manifest.name ?? basename(folder)}: ${problems.join('\n  ')}`);
    }
  }
} finally {
  await rm(destination, { recursive: true, force: true });
}
process.exitCode = failed === 0 ? 0 : 1;
