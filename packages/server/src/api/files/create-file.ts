import { ApiError } from '../../errors.ts';
import type { FileRecord } from '../../records/file-record.ts';
import { newId } from '../../records/new-id.ts';
import { unixTime } from '../../records/unix-time.ts';
import type { Storage, StoredContent } from '../../storage/storage.ts';
import { keptFilename } from '../content-disposition.ts';
import { defineRoute } from '../route.ts';
import { roomForFile, storageFull } from '../stored-quota.ts';
import type { UploadPart } from '../upload.ts';
import { fileObject, fileSchema } from './file-object.ts';

/** `POST /v1/files`: streamed into the storage as it arrives. */
export const createFile = defineRoute({
  method: 'POST',
  path: '/v1/files',
  operation: 'createFile',
  summary: 'Uploads a file to train on, or to validate with.',
  access: 'key',
  // Each may fill the room that the tenant has until all of it has come.
  atOnce: 8,
  body: 'upload',
  answer: fileSchema,
  async handle({ service, key, parts }) {
    const { records, storage, policy } = service;
    const tenant = key!.tenant;
    const room = await roomForFile(service, tenant);
    const id = newId('file-');
    const storageKey = `files/${id}`;
    const fields = new Map<string, string>();
    let stored: (StoredContent & { readonly filename: string }) | undefined;
    try {
      for await (const part of parts(Math.min(policy.limits.file_bytes, room))) {
        if (part.type === 'field') {
          putField(fields, part);
        } else {
          requireFileName(part.name);
          stored = {
            ...(await storedPart(storage, storageKey, part)),
            filename: keptFilename(part.filename),
          };
        }
      }
      const purpose = requirePurpose(fields);
      if (stored === undefined) throw missing('file');
      if (stored.bytes === 0)
        throw new ApiError(400, 'The file is empty.', { code: 'empty_file', param: 'file' });
      const { bytes, sha256, filename } = stored;
      const file: FileRecord = {
        ...{ id, tenant, createdAt: unixTime(), filename, purpose, bytes, sha256, key: storageKey },
      };
      await records.insert('file', file);
      try {
        if ((await roomForFile(service, tenant, id)) < bytes) throw storageFull(policy.limits.stored_bytes);
      } catch (error) {
        await records.remove('file', id);
        throw error;
      }
      return { type: 'json', value: fileObject(file) };
    } catch (error) {
      await storage.remove(storageKey);
      if (ApiError.isInstance(error) && error.code === 'file_too_large' && room < policy.limits.file_bytes) {
        throw storageFull(policy.limits.stored_bytes);
      }
      throw error;
    }
  },
});

/** @throws what ended the stream, rather than that it could not be stored. */
async function storedPart(
  storage: Storage,
  key: string,
  { content }: UploadPart & { readonly type: 'file' },
): Promise<StoredContent> {
  try {
    return await storage.put(key, content);
  } catch (error) {
    throw ApiError.isInstance(content.errored) ? content.errored : error;
  }
}

function putField(
  fields: Map<string, string>,
  { name, value }: UploadPart & { readonly type: 'field' },
): void {
  if (name !== 'purpose') {
    const shown = name.replaceAll(/\p{C}/gu, '\ufffd');
    throw new ApiError(400, `Unknown parameter: '${shown}'.`, { code: 'unknown_parameter', param: shown });
  }
  if (fields.has(name)) throw new ApiError(400, `The form has '${name}' twice.`, { param: name });
  fields.set(name, value);
}

function requireFileName(name: string): void {
  if (name !== 'file') throw new ApiError(400, "The form's file must be its part 'file'.", { param: 'file' });
}

function requirePurpose(fields: ReadonlyMap<string, string>): 'fine-tune' {
  const purpose = fields.get('purpose');
  if (purpose === undefined) throw missing('purpose');
  // Results are what jobs leave; a client that could upload them could say anything of a job.
  if (purpose !== 'fine-tune') {
    throw new ApiError(400, "The purpose must be 'fine-tune'.", { code: 'invalid_value', param: 'purpose' });
  }
  return purpose;
}

function missing(param: string): ApiError {
  return new ApiError(400, `Missing required parameter: '${param}'.`, {
    code: 'missing_required_parameter',
    param,
  });
}
