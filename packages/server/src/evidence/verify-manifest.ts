import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { FileReadError, fileDigest, printable, readSmallJson } from '@safetune/tensor';
import { z } from 'zod';
import {
  type Manifest,
  type ManifestEntry,
  manifestBytes,
  manifestFile,
  signedManifestSchema,
} from './manifest.ts';
import type { PublicKey } from './public-keys.ts';
import { isSignedBy } from './sign-manifest.ts';

/** Something that is not as the manifest, or its signature, says. */
export interface EvidenceFinding {
  /**
   * 'manifest': none, or damaged. 'signature': none, of an unknown key, or not of this content. 'missing', 'changed', 'unlisted': a file of
   * the model. 'base', 'data': what was given to compare with is something else.
   */
  readonly kind: 'manifest' | 'signature' | 'missing' | 'changed' | 'unlisted' | 'base' | 'data';
  /** The file it is about. */
  readonly file: string;
  readonly message: string;
}

export interface VerifyManifestOptions {
  /** Of those whose signature counts; old ones too, as long as what they signed is to be believed. */
  readonly publicKeys: readonly PublicKey[];
  /** Folder or file of the base model, to be compared with the one that was trained on. */
  readonly base?: string;
  /** The training file. */
  readonly data?: string;
  readonly validationData?: string;
}

/** What was verified, and what is wrong. */
export interface VerifiedManifest {
  /** Undefined where it could not be read. To be believed only without findings. */
  readonly manifest: Manifest | undefined;
  /** Id of the key of the signature that is good. */
  readonly signedBy: string | undefined;
  /** None: everything that was looked at is as the manifest says. */
  readonly findings: readonly EvidenceFinding[];
  /** What was compared, in words. */
  readonly verified: readonly string[];
}

/** Files that programs read when they load a model. */
const readByPrograms = /\.(?:json|safetensors|bin|pt|pth|gguf|jinja|py|ya?ml|model)$/i;

/**
 * Whether a model's folder is what its manifest says, and the manifest what a known key has signed: each file by its hash, none
 * besides that a program would read; the base model and the data too, where they are given. Everything that is wrong is told by name.
 */
export async function verifyManifest(
  folder: string,
  { publicKeys, base, data, validationData }: VerifyManifestOptions,
): Promise<VerifiedManifest> {
  const read = await readManifest(folder);
  if ('finding' in read)
    return { manifest: undefined, signedBy: undefined, findings: [read.finding], verified: [] };
  const { raw, manifest, signature } = read;
  const key = publicKeys.find(({ id }) => id === signature?.key);
  const isSigned = signature !== null && key !== undefined && isSignedBy(raw, signature, key);
  const findings: EvidenceFinding[] = [];
  if (!isSigned) {
    const message =
      signature === null
        ? 'is not signed'
        : key === undefined
          ? `is signed with the key ${signature.key}, which is none of those given`
          : 'is not what was signed: it was changed, or the signature was';
    findings.push({ kind: 'signature', file: manifestFile, message });
  }
  findings.push(...(await modelFindings(folder, manifest)));
  const verified = [`${filesText(manifest.files)} of the model`];
  if (base !== undefined) {
    findings.push(...(await baseFindings(base, manifest.base.files)));
    verified.push(`${filesText(manifest.base.files)} of the base model`);
  }
  for (const [given, listed, what] of [
    [data, manifest.training_file, 'training'],
    [validationData, manifest.validation_file, 'validation'],
  ] as const) {
    if (given === undefined) continue;
    if ((await digestOf(given)) !== listed?.sha256)
      findings.push({
        kind: 'data',
        file: basename(given),
        message: `is not the ${what} file of this model`,
      });
    verified.push(`the ${what} file`);
  }
  return { manifest, signedBy: isSigned ? key!.id : undefined, findings, verified };
}

function filesText({ length }: readonly ManifestEntry[]): string {
  return length === 1 ? '1 file' : `${length} files`;
}

type ReadManifest =
  | { readonly finding: EvidenceFinding }
  | (z.output<typeof signedManifestSchema> & { readonly raw: unknown });

async function readManifest(folder: string): Promise<ReadManifest> {
  const problem = (message: string) => ({
    finding: { kind: 'manifest', file: manifestFile, message } as const,
  });
  let content: unknown;
  try {
    content = await readSmallJson(join(folder, manifestFile), { maximumBytes: manifestBytes, folder });
  } catch (error) {
    if (!FileReadError.isInstance(error)) throw error;
    return problem(printable(error.message));
  }
  const parsed = signedManifestSchema.safeParse(content);
  if (!parsed.success) return problem(`is no manifest: ${printable(z.prettifyError(parsed.error), 500)}`);
  const raw = (content as { readonly manifest: unknown }).manifest;
  return { ...parsed.data, raw };
}

async function modelFindings(folder: string, { files }: Manifest): Promise<EvidenceFinding[]> {
  const findings: EvidenceFinding[] = [];
  for (const entry of files) {
    const digest = await digestOf(join(folder, entry.path), folder);
    if (digest === undefined)
      findings.push({
        kind: 'missing',
        file: entry.path,
        message: 'is not there, and the manifest lists it',
      });
    else if (digest !== entry.sha256)
      findings.push({
        kind: 'changed',
        file: entry.path,
        message: 'is not the file that the manifest lists',
      });
  }
  const listed = new Set([manifestFile, ...files.map(({ path }) => path)]);
  for (const name of (await readdir(folder)).sort()) {
    if (listed.has(name) || !readByPrograms.test(name)) continue;
    findings.push({
      kind: 'unlisted',
      file: printable(name),
      message: 'is not in the manifest, and a program that loads the model might read it',
    });
  }
  return findings;
}

async function baseFindings(base: string, files: readonly ManifestEntry[]): Promise<EvidenceFinding[]> {
  const isFolder = (await stat(base).catch(() => undefined))?.isDirectory() ?? false;
  const folder = isFolder ? base : dirname(base);
  const findings: EvidenceFinding[] = [];
  for (const { path, sha256 } of files) {
    const digest = await digestOf(join(folder, path));
    if (digest === sha256) continue;
    const message = digest === undefined ? 'of the base model is not there' : 'is not that of the base model';
    findings.push({ kind: 'base', file: path, message });
  }
  return findings;
}

/** Undefined for what is not there, or leads out of the folder. */
async function digestOf(file: string, folder?: string): Promise<string | undefined> {
  try {
    return await fileDigest(file, folder === undefined ? {} : { folder });
  } catch (error) {
    if (FileReadError.isInstance(error)) return undefined;
    throw error;
  }
}
