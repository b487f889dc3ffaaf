import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { FileRecord } from '../records/file-record.ts';
import type { JobRecord } from '../records/job-record.ts';
import { unixTime } from '../records/unix-time.ts';
import type { Storage } from '../storage/storage.ts';
import { EvidenceError } from './evidence-error.ts';
import { type Manifest, manifestFile, signedManifestSchema } from './manifest.ts';
import { signedManifest } from './sign-manifest.ts';
import type { SigningKey } from './signing-key.ts';

/** What the worker itself knows, from the records. */
export interface KnownFacts {
  readonly job: JobRecord;
  readonly modelId: string;
  readonly trainingFile: Pick<FileRecord, 'id' | 'sha256'>;
  readonly validationFile: Pick<FileRecord, 'id' | 'sha256'> | null;
}

/**
 * Signs the manifest that a job's process has put into the storage, in the worker, which alone has the key. It signs nothing that it
 * knows to be otherwise: whose job it is, its data, policy, plan and the stored files are compared with the records and the storage
 * first. What the process measured, metrics and verdicts, it signs as told. One that is signed already is signed again.
 *
 * @param prefix of the model in the storage, with no slash at its end
 * @throws EvidenceError when the manifest is missing, damaged, or says something else than the records.
 */
export async function signStoredManifest(
  storage: Storage,
  prefix: string,
  known: KnownFacts,
  key: SigningKey,
): Promise<void> {
  const place = `${prefix}/${manifestFile}`;
  const manifest = parsed(place, await text(await storage.read(place)));
  const wrong = [...differences(manifest, known), ...(await changedFiles(storage, prefix, manifest))];
  if (wrong.length > 0)
    throw new EvidenceError(
      place,
      `says something else than the records: ${wrong.join(', ')}. It is not signed`,
    );
  const signed = signedManifest({ ...manifest, finished_at: unixTime() }, key);
  await storage.put(place, Readable.from([signed]));
}

function parsed(place: string, content: string): Manifest {
  try {
    return signedManifestSchema.parse(JSON.parse(content)).manifest;
  } catch (cause) {
    throw new EvidenceError(place, 'is no manifest', { cause });
  }
}

function differences(
  manifest: Manifest,
  { job, modelId, trainingFile, validationFile }: KnownFacts,
): string[] {
  const { plan, request } = job;
  const facts: readonly (readonly [name: string, told: unknown, known: unknown])[] = [
    ['model', manifest.model, modelId],
    ['job', manifest.job, job.id],
    ['tenant', manifest.tenant, job.tenant],
    ['base', manifest.base.id, request.model],
    ['policy_sha256', manifest.policy_sha256, plan.policySha256],
    ['seed', manifest.seed, plan.seed],
    ['method', manifest.method, plan.method],
    ['safeguards', JSON.stringify(manifest.safeguards), JSON.stringify(orderedSafeguards(plan.safeguards))],
    ['training_file', manifest.training_file.sha256, trainingFile.sha256],
    ['validation_file', manifest.validation_file?.sha256, validationFile?.sha256],
  ];
  return facts.filter(([, told, knownFact]) => told !== knownFact).map(([name]) => name);
}

/** Keys in the order in which the schema gives them. */
function orderedSafeguards(safeguards: JobRecord['plan']['safeguards']) {
  return safeguards.map(({ type, strength, by }) => ({ type, strength, by }));
}

async function changedFiles(storage: Storage, prefix: string, { files }: Manifest): Promise<string[]> {
  const listed = new Map(files.map(({ path, sha256 }) => [path, sha256]));
  const stored = (await storage.list(`${prefix}/`))
    .map((key) => key.slice(prefix.length + 1))
    .filter((name) => name !== manifestFile);
  const changed = stored.filter((name) => !listed.has(name));
  for (const [path, sha256] of listed) {
    if (!stored.includes(path)) {
      changed.push(path);
      continue;
    }
    const hash = createHash('sha256');
    for await (const chunk of await storage.read(`${prefix}/${path}`)) hash.update(chunk as Buffer);
    if (hash.digest('hex') !== sha256) changed.push(path);
  }
  return changed;
}
