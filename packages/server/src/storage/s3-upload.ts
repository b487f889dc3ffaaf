import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { StorageError } from '../errors.ts';
import { type S3Requests, textOf } from './s3-requests.ts';
import type { StoredContent } from './storage.ts';

/** As many as S3 takes. */
const maximumParts = 10_000;

/**
 * Uploads a stream, one part of it in memory at a time: in one request when it is no longer than a part, else as a multipart upload, which
 * is finished when the stream is and given up when it fails.
 *
 * @throws what the stream throws, also when it is closed before its end; StorageError as `S3Requests` does.
 */
export async function uploadInParts(
  requests: S3Requests,
  key: string,
  content: Readable,
  partBytes: number,
): Promise<StoredContent> {
  const hash = createHash('sha256');
  let bytes = 0;
  let uploadId: string | undefined;
  const etags: string[] = [];
  const uploadPart = async (part: Uint8Array) => {
    uploadId ??= await beginUpload(requests, key);
    if (etags.length === maximumParts)
      throw new StorageError(key, 'failed', `is longer than ${maximumParts} parts of ${partBytes} bytes`);
    const query = { partNumber: String(etags.length + 1), uploadId };
    const response = await requests.send({ method: 'PUT', key, query, body: part });
    await response.body?.cancel();
    etags.push(response.headers.get('etag') ?? '');
  };
  try {
    let part = Buffer.allocUnsafe(partBytes);
    let filled = 0;
    for await (const chunk of content) {
      let piece: Uint8Array = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
      hash.update(piece);
      bytes += piece.byteLength;
      while (piece.byteLength > 0) {
        // A part is sent when something comes after it: the last one, or the only one, is what is left in the end.
        if (filled === partBytes) {
          await uploadPart(part);
          part = Buffer.allocUnsafe(partBytes);
          filled = 0;
        }
        const taken = piece.subarray(0, partBytes - filled);
        part.set(taken, filled);
        filled += taken.byteLength;
        piece = piece.subarray(taken.byteLength);
      }
    }
    const last = part.subarray(0, filled);
    if (uploadId === undefined) {
      await (await requests.send({ method: 'PUT', key, body: last })).body?.cancel();
    } else {
      await uploadPart(last);
      await finishUpload(requests, key, uploadId, etags);
    }
    return { bytes, sha256: hash.digest('hex') };
  } catch (error) {
    // What was sent is of no use to anybody. Where this fails too, the store's own rule for unfinished uploads removes it.
    if (uploadId !== undefined) {
      const given = await requests
        .send({ method: 'DELETE', key, query: { uploadId } })
        .catch(() => undefined);
      await given?.body?.cancel();
    }
    throw error;
  }
}

async function beginUpload(requests: S3Requests, key: string): Promise<string> {
  const response = await requests.send({ method: 'POST', key, query: { uploads: '' } });
  const uploadId = textOf(await response.text(), 'UploadId');
  if (!uploadId) throw new StorageError(key, 'failed', 'the store began no upload in parts');
  return uploadId;
}

async function finishUpload(requests: S3Requests, key: string, uploadId: string, etags: readonly string[]) {
  const parts = etags.map((etag, index) => {
    const escaped = etag.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
    return `<Part><PartNumber>${index + 1}</PartNumber><ETag>${escaped}</ETag></Part>`;
  });
  const body = `<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`;
  const response = await requests.send({ method: 'POST', key, query: { uploadId }, body });
  // A store that needs long for it says that all is well before it knows: then it tells an error, or the tag of what it made.
  const document = await response.text();
  if (textOf(document, 'ETag') === undefined)
    throw new StorageError(
      key,
      'failed',
      `the store did not finish the upload (${textOf(document, 'Code') ?? 'no reason'})`,
    );
}
