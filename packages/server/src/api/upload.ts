import { type Readable, Transform } from 'node:stream';
import type { MultipartFile, MultipartValue } from '@fastify/multipart';
import type { FastifyRequest } from 'fastify';
import { ApiError } from '../errors.ts';

/** A part of a form. */
export type UploadPart =
  | { readonly type: 'field'; readonly name: string; readonly value: string }
  | {
      readonly type: 'file';
      readonly name: string;
      /** As the client has it. */
      readonly filename: string;
      readonly content: Readable;
    };

/** What a client may still send of a body that was refused, in milliseconds: one that reads only then hears of the refusal. */
const patience = 5_000;

/** @throws ApiError for what is no form, a part that is too large, or one part too many. */
export async function* uploadParts(request: FastifyRequest, fileBytes: number): AsyncGenerator<UploadPart> {
  refuseByLength(request.headers['content-length'], fileBytes);
  const parts = request.parts({
    limits: {
      files: 1,
      // Counted where it is streamed on, as a file that was cut would look like a whole one.
      fileSize: Number.MAX_SAFE_INTEGER,
      fields: 10,
      parts: 12,
      fieldNameSize: 100,
      fieldSize: 10_000,
      headerPairs: 20,
    },
  });
  let isOver = false;
  try {
    for await (const part of parts as AsyncIterable<MultipartFile | MultipartValue>) {
      if (part.type === 'field') yield fieldPart(part);
      else yield filePart(part, fileBytes);
    }
    isOver = true;
  } catch (error) {
    throw formError(error);
  } finally {
    if (!isOver) drain(request);
  }
}

/** Refuses before the first byte is read. What surrounds the file has its own room. */
function refuseByLength(length: string | undefined, fileBytes: number): void {
  if (length !== undefined && Number(length) > fileBytes + 200_000) throw tooLarge(fileBytes);
}

export function tooLarge(fileBytes: number): ApiError {
  return new ApiError(413, `The file is larger than the ${fileBytes} bytes that it may have.`, {
    code: 'file_too_large',
    param: 'file',
  });
}

function fieldPart(part: MultipartValue): UploadPart {
  const name = shown(part.fieldname);
  if (part.fieldnameTruncated || part.valueTruncated || typeof part.value !== 'string') {
    throw new ApiError(400, `The form's field '${name}' is too long, or no text.`, { param: name });
  }
  return { type: 'field', name: part.fieldname, value: part.value };
}

function filePart(part: MultipartFile, fileBytes: number): UploadPart {
  let bytes = 0;
  const content = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (bytes > fileBytes) done(tooLarge(fileBytes));
      else done(null, chunk);
    },
  });
  // `pipe` takes neither errors nor ends that are none with it.
  part.file.on('error', (error) => content.destroy(formError(error) as Error));
  part.file.on('close', () => {
    if (!part.file.readableEnded)
      content.destroy(new ApiError(400, 'The form ended before it was complete.'));
  });
  content.on('error', () => part.file.destroy());
  part.file.pipe(content);
  return { type: 'file', name: part.fieldname, filename: part.filename ?? '', content };
}

/** What busboy says of a damaged form is its own error without a status. */
function formError(error: unknown): unknown {
  if (ApiError.isInstance(error)) return error;
  const { statusCode, code } = error as { statusCode?: unknown; code?: unknown };
  if (statusCode !== undefined || (typeof code === 'string' && !code.startsWith('FST_'))) return error;
  return new ApiError(400, 'The form is damaged: it is no multipart/form-data that could be read.');
}

/** Lets what still comes of a refused body go nowhere, for a while. */
function drain(request: FastifyRequest): void {
  const { raw } = request;
  if (raw.readableEnded || raw.destroyed) return;
  raw.unpipe();
  raw.resume();
  const timer = setTimeout(() => raw.destroy(), patience);
  timer.unref();
  raw.once('close', () => clearTimeout(timer));
}

function shown(text: string): string {
  return text.slice(0, 100).replaceAll(/\p{C}/gu, '\ufffd');
}
