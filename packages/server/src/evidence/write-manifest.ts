import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { resolveModel } from '@safetune/models';
import { writeFileAtomically } from '@safetune/tensor';
import type { GateVerdict } from '../gate/gate-verdict.ts';
import type { FileRecord } from '../records/file-record.ts';
import type { JobRecord } from '../records/job-record.ts';
import type { ScreeningVerdict } from '../screening/screening-verdict.ts';
import { baseEntries, entriesOf } from './file-hashes.ts';
import { type Manifest, manifestFile, manifestSchema } from './manifest.ts';
import { manifestText } from './sign-manifest.ts';
import { versions } from './versions.ts';

/** What is known of a finished job. */
export interface ManifestFacts {
  readonly job: JobRecord;
  readonly trainingFile: Pick<FileRecord, 'id' | 'sha256'>;
  readonly validationFile: Pick<FileRecord, 'id' | 'sha256'> | null;
  readonly modelId: string;
  readonly screening: ScreeningVerdict | null;
  readonly gate: GateVerdict;
  readonly trainedTokens: number;
  /** Of the adapter, with the run's `metrics.jsonl`. */
  readonly adapterDirectory: string;
  /** The gate's report, stored beside the adapter as `report.json`. */
  readonly reportFile: string;
  /** Where the manifest goes. */
  readonly directory: string;
}

/** Files of an adapter that decide what it says, or how it is asked. */
const adapterFiles = ['adapter_config.json', 'adapter_model.safetensors', 'inference_prompt.json'];

/**
 * Writes the manifest of a finished job, without a signature: the process that works on strangers' data has no key. The worker signs it
 * with `signStoredManifest`. The same job gives the same bytes on the same machine.
 *
 * @returns the path of the file.
 * @throws ZodError when a fact cannot be in a manifest; FileReadError, FileWriteError.
 */
export async function writeManifest({
  job,
  trainingFile,
  validationFile,
  modelId,
  screening,
  gate,
  trainedTokens,
  adapterDirectory,
  reportFile,
  directory,
}: ManifestFacts): Promise<string> {
  const { plan, request } = job;
  const { path: base } = await resolveModel(plan.run.model);
  const [report] = await entriesOf(join(reportFile, '..'), [reportFile.split(/[\\/]/).at(-1)!]);
  const { n_epochs, batch_size, learning_rate_multiplier, beta } = plan.hyperparameters;
  const manifest: Manifest = manifestSchema.parse({
    format: 'safetune-manifest',
    version: 1,
    model: modelId,
    job: job.id,
    tenant: job.tenant,
    created_at: job.createdAt,
    started_at: job.startedAt,
    finished_at: null,
    base: {
      id: request.model,
      precision: plan.run.precision ?? 'float32',
      files: await baseEntries(base),
    },
    training_file: { id: trainingFile.id, sha256: trainingFile.sha256 },
    validation_file: validationFile && { id: validationFile.id, sha256: validationFile.sha256 },
    policy_sha256: plan.policySha256,
    method: plan.method,
    seed: plan.seed,
    hyperparameters: {
      n_epochs,
      batch_size,
      learning_rate_multiplier,
      ...(beta !== undefined && { beta }),
    },
    safeguards: plan.safeguards,
    trained_tokens: trainedTokens,
    metrics: await lastMetrics(join(adapterDirectory, 'metrics.jsonl')),
    versions: versions(),
    screening,
    gate,
    files: [
      ...(await entriesOf(adapterDirectory, adapterFiles)),
      ...(report === undefined ? [] : [{ ...report, path: 'report.json' }]),
    ],
  });
  const file = join(directory, manifestFile);
  await writeFileAtomically(file, [manifestText(manifest, null)]);
  return file;
}

/** The numbers of the last step that was written down whole. */
async function lastMetrics(file: string): Promise<Record<string, number>> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const lines = text.split('\n').flatMap((line): Record<string, unknown>[] => {
    try {
      const value: unknown = JSON.parse(line);
      return typeof value === 'object' && value !== null && 'step' in value && 'loss' in value
        ? [value as Record<string, unknown>]
        : [];
    } catch {
      return [];
    }
  });
  const numbers = Object.entries(lines.at(-1) ?? {}).filter(
    (entry): entry is [string, number] => typeof entry[1] === 'number' && Number.isFinite(entry[1]),
  );
  return Object.fromEntries(numbers.slice(0, 200));
}
