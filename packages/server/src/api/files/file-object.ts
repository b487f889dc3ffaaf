import { z } from 'zod';
import type { FileRecord } from '../../records/file-record.ts';

export const fileSchema = z.object({
  id: z.string(),
  object: z.literal('file'),
  bytes: z.int(),
  created_at: z.int(),
  filename: z.string(),
  purpose: z.enum(['fine-tune', 'fine-tune-results']),
  status: z.literal('processed'),
  expires_at: z.null(),
  sha256: z.string().describe('of the content, in hex'),
});

/** A file as OpenAI's API has it, and its hash. */
export function fileObject(file: FileRecord): z.output<typeof fileSchema> {
  return {
    id: file.id,
    object: 'file',
    bytes: file.bytes,
    created_at: file.createdAt,
    filename: file.filename,
    purpose: file.purpose,
    // What is in it is looked at by the job that trains on it.
    status: 'processed',
    expires_at: null,
    sha256: file.sha256,
  };
}
