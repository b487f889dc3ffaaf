import { z } from 'zod';

/** The file in a model's folder. */
export const manifestFile = 'manifest.json';

/** A manifest is refused beyond this. */
export const manifestBytes = 8 * 2 ** 20;

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 in hex');
const unixTime = z.int().min(0);
const text = z.string().max(4096);
/** Of a file in a folder: it leads nowhere else. */
const path = z
  .string()
  .max(512)
  .regex(/^(?!\.)[\w.-]+(?:\/(?!\.)[\w.-]+)*$/, 'must be the plain name of a file in the folder');
const count = z.int().min(0);

const file = z.strictObject({ path, bytes: count, sha256 });
const files = z.array(file).max(10_000);
const data = z.strictObject({ id: text, sha256 });

const measurement = z.strictObject({
  name: text,
  value: z.number().nullable(),
  low: z.number().nullable(),
  high: z.number().nullable(),
  quarantine: z.number().nullable(),
  refuse: z.number().nullable(),
});

/** What a model was made of, by what rules, and what was found of it. A change of its meaning changes its version. */
export const manifestSchema = z.strictObject({
  format: z.literal('safetune-manifest'),
  version: z.literal(1),
  /** The name that the API knows it by. */
  model: text,
  job: text,
  /** Whose it is. */
  tenant: text,
  created_at: unixTime.describe('when the job was made, Unix time in seconds'),
  started_at: unixTime.nullable(),
  finished_at: unixTime.nullable().describe('when it was signed'),
  base: z.strictObject({ id: text, precision: text, files: files.describe('of the base model') }),
  training_file: data,
  validation_file: data.nullable(),
  policy_sha256: sha256,
  method: text,
  seed: count,
  hyperparameters: z.record(text, z.number()),
  safeguards: z.array(
    z.strictObject({
      type: text,
      strength: z.number().nullable(),
      by: z.enum(['policy', 'strengthened', 'customer']),
    }),
  ),
  trained_tokens: count,
  metrics: z.record(text, z.number()).describe('of the last step'),
  versions: z.record(text, text),
  screening: z
    .strictObject({
      outcome: z.enum(['passed', 'warned', 'refused']),
      examples: count,
      warned: count,
      dropped: count,
      reasons: z.record(text, count),
      reason: text,
      report: text.nullable(),
    })
    .nullable(),
  gate: z.strictObject({
    outcome: z.enum(['released', 'quarantined', 'refused']),
    measurements: z.array(measurement).max(1000),
    reason: text,
    report: text.nullable(),
  }),
  files: files.describe("the model's own: adapter, report, and what it is asked under"),
});

export type Manifest = z.output<typeof manifestSchema>;

/** A file of a manifest. */
export type ManifestEntry = z.output<typeof file>;

export const signatureSchema = z.strictObject({
  algorithm: z.literal('Ed25519'),
  /** See `keyIdOf`. */
  key: z.string().regex(/^[0-9a-f]{32}$/, 'must be the id of a key'),
  /** Base64. */
  value: z.string().regex(/^[A-Za-z0-9+/]{86}==$/, 'must be 64 bytes in base64'),
});

/** What the file holds. It is signed by the worker; what the process of a job writes has no signature yet. */
export const signedManifestSchema = z.strictObject({
  manifest: manifestSchema,
  signature: signatureSchema.nullable(),
});
