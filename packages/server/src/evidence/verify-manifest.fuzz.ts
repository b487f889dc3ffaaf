import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { fuzz, mutatedBytes } from '../../../../conformance/fuzz.ts';
import { smallJob, smallTrainingFile } from '../__fixtures__/small-job.ts';
import { EvidenceError } from './evidence-error.ts';
import { manifestSchema } from './manifest.ts';
import { type PublicKey, readPublicKeys } from './public-keys.ts';
import { signedManifest } from './sign-manifest.ts';
import { openSigningKey } from './signing-key.ts';
import { verifyManifest } from './verify-manifest.ts';
import { writeManifest } from './write-manifest.ts';

let folder: string;
let publicKeys: readonly PublicKey[];
let text: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'safetune-manifest-'));
  const keys = join(folder, 'keys');
  const key = await openSigningKey(keys);
  publicKeys = await readPublicKeys(join(keys, 'public'));
  await writeFile(join(folder, 'adapter_config.json'), '{}');
  const report = join(folder, 'report.json');
  await writeFile(report, '{}');
  const file = await writeManifest({
    job: smallJob,
    trainingFile: smallTrainingFile,
    validationFile: null,
    modelId: 'ft:small:acme::1',
    screening: null,
    gate: { outcome: 'released', measurements: [], reason: 'é', report: null },
    trainedTokens: 1,
    adapterDirectory: folder,
    reportFile: report,
    directory: folder,
  });
  const { manifest } = JSON.parse(await readFile(file, 'utf8'));
  text = signedManifest(manifestSchema.parse(manifest), key);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it('no damaged manifest is good, unless it says the same', () =>
  fuzz({
    name: 'manifests',
    tries: 1500,
    inputs: mutatedBytes([Buffer.from(text)]),
    async enter(bytes) {
      await writeFile(join(folder, 'manifest.json'), bytes);
      const { findings } = await verifyManifest(folder, { publicKeys });
      const [first] = findings;
      if (first !== undefined) throw new EvidenceError(first.file, `${first.kind}: ${first.message}`);
      const read = JSON.parse(Buffer.from(bytes).toString('utf8'));
      expect(read).toEqual(JSON.parse(text));
    },
  }));
