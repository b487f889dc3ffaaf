import { z } from 'zod';
import { unixTime } from '../../records/unix-time.ts';
import { removeDeletedFile } from '../../work/remove-deleted.ts';
import { idSchema, listAnswer, listSchema, orderQuery, pageQuery, visiblePage } from '../listing.ts';
import { defineRoute } from '../route.ts';
import { visibleFile } from '../visible.ts';
import { createFile } from './create-file.ts';
import { fileObject, fileSchema } from './file-object.ts';

const parameters = z.object({ file_id: idSchema });

const listFiles = defineRoute({
  method: 'GET',
  path: '/v1/files',
  operation: 'listFiles',
  summary: 'Lists files: those that were uploaded, and those that jobs left.',
  access: 'key',
  query: z.strictObject({
    ...pageQuery({ usual: 10_000, most: 10_000 }),
    order: orderQuery,
    purpose: z.string().max(64).optional(),
  }),
  answer: listSchema(fileSchema),
  async handle({ service, key, query }) {
    const { items, hasMore } = await visiblePage(
      service.records,
      key!,
      'file',
      query,
      (file) =>
        file.deletedAt === undefined && (query.purpose === undefined || file.purpose === query.purpose),
    );
    return listAnswer(items.map(fileObject), hasMore);
  },
});

const retrieveFile = defineRoute({
  method: 'GET',
  path: '/v1/files/{file_id}',
  operation: 'retrieveFile',
  summary: 'Tells what is known of a file.',
  access: 'key',
  parameters,
  answer: fileSchema,
  async handle({ service, key, parameters }) {
    return { type: 'json', value: fileObject(await visibleFile(service.records, key!, parameters.file_id)) };
  },
});

/**
 * A file is gone for its owner at once. Jobs that were made with it train on: its content stays until the last of them is over, which
 * costs no copy, and no job is broken by who cleans up early.
 */
const deleteFile = defineRoute({
  method: 'DELETE',
  path: '/v1/files/{file_id}',
  operation: 'deleteFile',
  summary: 'Deletes a file. Jobs that were made with it are not disturbed.',
  access: 'key',
  parameters,
  answer: z.object({ id: z.string(), object: z.literal('file'), deleted: z.literal(true) }),
  async handle({ service, key, parameters }) {
    const { id } = await visibleFile(service.records, key!, parameters.file_id);
    const deleted = await service.records.change('file', id, (file) =>
      file.deletedAt === undefined ? { ...file, deletedAt: unixTime() } : undefined,
    );
    if (deleted === undefined) await visibleFile(service.records, key!, id);
    else await removeDeletedFile(service, deleted);
    return { type: 'json', value: { id, object: 'file', deleted: true } };
  },
});

const downloadFile = defineRoute({
  method: 'GET',
  path: '/v1/files/{file_id}/content',
  operation: 'downloadFile',
  summary: 'The content of a file.',
  access: 'key',
  parameters,
  async handle({ service, key, parameters }) {
    const file = await visibleFile(service.records, key!, parameters.file_id);
    return {
      type: 'content',
      // Whatever is in it: a browser saves it, and runs nothing of it.
      contentType: 'application/octet-stream',
      filename: file.filename,
      content: await service.storage.read(file.key),
    };
  },
});

export const fileRoutes = [createFile, listFiles, retrieveFile, deleteFile, downloadFile];
