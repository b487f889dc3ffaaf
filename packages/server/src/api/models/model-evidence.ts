import { text } from 'node:stream/consumers';
import { z } from 'zod';
import { ApiError } from '../../errors.ts';
import { type Manifest, manifestFile, signedManifestSchema } from '../../evidence/manifest.ts';
import type { Policy } from '../../policy/policy-schema.ts';
import type { KeyRecord } from '../../records/key-record.ts';
import type { ModelRecord } from '../../records/model-record.ts';
import type { Storage } from '../../storage/storage.ts';
import { idSchema } from '../listing.ts';
import { defineRoute } from '../route.ts';
import { storedOrNone } from '../stored-or-none.ts';
import { shownModel } from '../visible.ts';

const parameters = z.object({ model: idSchema });

const downloadManifest = defineRoute({
  method: 'GET',
  path: '/v1/fine_tuning/models/{model}/manifest',
  operation: 'downloadModelManifest',
  summary:
    'The signed manifest of a fine-tune: what it was made of, by which rules, and what was found of it.',
  access: 'key',
  parameters,
  async handle({ service, key, parameters: { model: id } }) {
    const content = await storedManifest(service.storage, await shownModel(service.records, key!, id));
    return { type: 'content', contentType: 'application/json', filename: manifestFile, content };
  },
});

const listModelFiles = defineRoute({
  method: 'GET',
  path: '/v1/fine_tuning/models/{model}/files',
  operation: 'listModelFiles',
  summary: 'Lists the files of a fine-tune that its manifest has the hashes of.',
  access: 'key',
  parameters,
  answer: z.object({
    object: z.literal('list'),
    data: z.array(
      z.object({
        object: z.literal('fine_tuning.model.file'),
        name: z.string(),
        bytes: z.int(),
        sha256: z.string().describe('of the content, in hex'),
      }),
    ),
  }),
  async handle({ service, key, parameters: { model: id } }) {
    const { files } = await manifestOf(service.storage, await shownModel(service.records, key!, id));
    const data = files.map(({ path, bytes, sha256 }) => ({
      ...{ object: 'fine_tuning.model.file', name: path, bytes, sha256 },
    }));
    return { type: 'json', value: { object: 'list', data } };
  },
});

const downloadModelFile = defineRoute({
  method: 'GET',
  path: '/v1/fine_tuning/models/{model}/files/{name}',
  operation: 'downloadModelFile',
  summary: 'A file of a fine-tune, where the policy lets its owner take it away.',
  access: 'key',
  parameters: z.object({ model: idSchema, name: idSchema }),
  async handle({ service: { policy, records, storage }, key, parameters: { model: id, name } }) {
    const model = await shownModel(records, key!, id);
    requireDownload(policy, key!, model);
    const { files } = await manifestOf(storage, model);
    // The manifest's text and not the caller's makes the key.
    const listed = files.find(({ path }) => path === name);
    const content = listed && (await storedOrNone(storage, `${model.key}/${listed.path}`));
    if (content === undefined) {
      throw new ApiError(404, `The model '${id}' has no file '${name}'.`, {
        ...{ code: 'model_file_not_found', param: 'name' },
      });
    }
    return { type: 'content', contentType: 'application/octet-stream', filename: name, content };
  },
});

/**
 * The policy of now decides and not that of the job, so that a provider can end it. An operator has every file anyway.
 *
 * @throws ApiError 403
 */
function requireDownload({ models }: Policy, key: KeyRecord, { base }: ModelRecord): void {
  const isAllowed = Object.hasOwn(models, base) && models[base]!.download;
  if (isAllowed || key.role === 'operator') return;
  throw new ApiError(403, `Fine-tunes of '${base}' can be talked to here, and not be taken away.`, {
    code: 'download_not_allowed',
  });
}

async function manifestOf(storage: Storage, model: ModelRecord): Promise<Manifest> {
  return signedManifestSchema.parse(JSON.parse(await text(await storedManifest(storage, model)))).manifest;
}

/** @throws ApiError 404 */
async function storedManifest(storage: Storage, { id, key }: ModelRecord) {
  const content = await storedOrNone(storage, `${key}/${manifestFile}`);
  if (content !== undefined) return content;
  // Deleted in this moment.
  throw new ApiError(404, `There is no manifest of '${id}'.`, {
    ...{ code: 'manifest_not_found', param: 'model' },
  });
}

export const evidenceRoutes = [downloadManifest, listModelFiles, downloadModelFile];
