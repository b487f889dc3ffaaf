import { createHash, createHmac, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';

/** A small store with the API of S3 in memory, which refuses requests that are not in form. */
export interface S3Server {
  readonly endpoint: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly objects: Map<string, Buffer>;
  /** Uploads that were begun and neither finished nor given up. */
  readonly uploads: Map<string, Map<number, Buffer>>;
  /** Method and target of each request, those that went wrong too. */
  readonly requests: string[];
  /**
   * The next requests go wrong so, one each: with that status; cut off in the middle of the answer's body; the next that finishes an
   * upload in parts with 200 and an error, as S3 does when it cannot.
   */
  readonly faults: (number | 'cut' | 'unfinished')[];
  close(): Promise<void>;
}

const pageSize = 3;

/** Starts it with the bucket `bucket`; of lists it tells three keys at a time. */
export async function startS3Server(): Promise<S3Server> {
  const objects = new Map<string, Buffer>();
  const uploads = new Map<string, Map<number, Buffer>>();
  const requests: string[] = [];
  const faults: (number | 'cut' | 'unfinished')[] = [];
  const [accessKeyId, secretAccessKey] = ['test-key', 'test+secret/with=signs'];
  const server = createServer(async (request, response) => {
    try {
      requests.push(`${request.method} ${request.url}`);
      const body = await buffer(request);
      const isFinishing = request.method === 'POST' && request.url?.includes('uploadId=');
      const fault = faults[0] === 'unfinished' && !isFinishing ? undefined : faults.shift();
      if (typeof fault === 'number') return void refuse(response, fault, 'SlowDown');
      if (fault === 'unfinished') return void tell(response, '<Error><Code>InternalError</Code></Error>');
      const problem = problemOfForm(request, body, accessKeyId, secretAccessKey);
      if (problem) return void refuse(response, 403, problem);
      answer(request, body, response, fault === 'cut');
    } catch {
      // The client was killed.
      response.destroy();
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('the store has no port');

  function answer(request: IncomingMessage, body: Buffer, response: ServerResponse, isCut: boolean): void {
    const { pathname, searchParams } = new URL(request.url!, 'http://store');
    const [, bucket, ...rest] = pathname.split('/');
    const key = rest.map(decodeURIComponent).join('/');
    if (bucket !== 'bucket') return void refuse(response, 404, 'NoSuchBucket');
    const uploadId = searchParams.get('uploadId');
    if (request.method === 'GET' && key === '') return void list(searchParams, response);
    if (request.method === 'POST' && searchParams.has('uploads')) {
      const id = `a&b<${randomUUID()}`;
      uploads.set(id, new Map());
      return void tell(
        response,
        `<InitiateMultipartUploadResult><UploadId>${escaped(id)}</UploadId></InitiateMultipartUploadResult>`,
      );
    }
    if (uploadId !== null) {
      const parts = uploads.get(uploadId);
      if (!parts) return void refuse(response, 404, 'NoSuchUpload');
      if (request.method === 'PUT') {
        parts.set(Number(searchParams.get('partNumber')), body);
        response.writeHead(200, { etag: etagOf(body) }).end();
      } else if (request.method === 'DELETE') {
        uploads.delete(uploadId);
        response.writeHead(204).end();
      } else {
        const expected = [...parts]
          .toSorted(([one], [other]) => one - other)
          .map(
            ([number, part]) => `<Part><PartNumber>${number}</PartNumber><ETag>${etagOf(part)}</ETag></Part>`,
          );
        if (body.toString() !== `<CompleteMultipartUpload>${expected.join('')}</CompleteMultipartUpload>`)
          return void tell(response, '<Error><Code>InvalidPart</Code></Error>');
        objects.set(
          key,
          Buffer.concat([...parts].toSorted(([one], [other]) => one - other).map(([, part]) => part)),
        );
        uploads.delete(uploadId);
        tell(
          response,
          `<CompleteMultipartUploadResult><ETag>&quot;tag-${parts.size}&quot;</ETag></CompleteMultipartUploadResult>`,
        );
      }
      return;
    }
    const found = objects.get(key);
    if (request.method === 'PUT') {
      objects.set(key, body);
      response.writeHead(200, { etag: etagOf(body) }).end();
    } else if (request.method === 'DELETE') {
      objects.delete(key);
      response.writeHead(204).end();
    } else if (!found) refuse(response, 404, 'NoSuchKey');
    else if (request.headers['if-match'] !== undefined && request.headers['if-match'] !== etagOf(found))
      refuse(response, 412, 'PreconditionFailed');
    else {
      const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
      const content = found.subarray(from);
      response.writeHead(from > 0 ? 206 : 200, { etag: etagOf(found), 'content-length': content.length });
      if (!isCut) response.end(content);
      else
        response.write(content.subarray(0, content.length / 2), () =>
          setTimeout(() => response.destroy(), 20),
        );
    }
  }

  function list(query: URLSearchParams, response: ServerResponse): void {
    if (query.get('list-type') !== '2') return void refuse(response, 400, 'InvalidArgument');
    const after = query.get('continuation-token')?.replace(/^token & "/, '') ?? '';
    const keys = [...objects.keys()]
      .filter((key) => key.startsWith(query.get('prefix') ?? '') && key > after)
      .toSorted();
    const page = keys.slice(0, Math.min(pageSize, Number(query.get('max-keys'))));
    const token = `token & "${page.at(-1)}`;
    const more = keys.length > page.length;
    tell(
      response,
      `<ListBucketResult><IsTruncated>${more}</IsTruncated>${
        more ? `<NextContinuationToken>${escaped(token)}</NextContinuationToken>` : ''
      }${page.map((key) => `<Contents><Key>${escaped(key)}</Key></Contents>`).join('')}</ListBucketResult>`,
    );
  }

  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    accessKeyId,
    secretAccessKey,
    objects,
    uploads,
    requests,
    faults,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** What is wrong with the form or the signature of a request (AWS Signature Version 4); undefined for nothing. */
function problemOfForm(
  request: IncomingMessage,
  body: Buffer,
  accessKeyId: string,
  secret: string,
): string | undefined {
  const form =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/;
  const [, id, day = '', region = '', signed = '', signature] =
    form.exec(request.headers.authorization ?? '') ?? [];
  if (id !== accessKeyId) return 'InvalidAccessKeyId';
  const bodyHash = createHash('sha256').update(body).digest('hex');
  if (request.headers['x-amz-content-sha256'] !== bodyHash) return 'XAmzContentSHA256Mismatch';
  if (body.length > 0 && request.headers['content-length'] !== String(body.length))
    return 'MissingContentLength';
  const names = signed.split(';');
  for (const needed of ['host', 'x-amz-content-sha256', 'x-amz-date'])
    if (!names.includes(needed)) return 'AccessDenied';
  const { pathname, searchParams } = new URL(request.url!, 'http://store');
  const query = [...searchParams]
    .map((pair) =>
      pair.map((text) =>
        encodeURIComponent(text).replace(
          /[!'()*]/g,
          (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
        ),
      ),
    )
    .map(([name, value]) => `${name}=${value}`)
    .toSorted();
  const headers = names.map((name) => `${name}:${String(request.headers[name]).trim()}\n`);
  const canonical = [request.method, pathname, query.join('&'), headers.join(''), signed, bodyHash].join(
    '\n',
  );
  const scope = `${day}/${region}/s3/aws4_request`;
  const hash = createHash('sha256').update(canonical).digest('hex');
  const text = ['AWS4-HMAC-SHA256', request.headers['x-amz-date'], scope, hash].join('\n');
  const key = [day, region, 's3', 'aws4_request'].reduce<Buffer>(
    (previous, part) => createHmac('sha256', previous).update(part).digest(),
    Buffer.from(`AWS4${secret}`),
  );
  return createHmac('sha256', key).update(text).digest('hex') === signature
    ? undefined
    : 'SignatureDoesNotMatch';
}

function etagOf(content: Buffer): string {
  return `"${createHash('md5').update(content).digest('hex')}"`;
}

function refuse(response: ServerResponse, status: number, code: string): void {
  response
    .writeHead(status, { 'content-type': 'application/xml' })
    .end(`<Error><Code>${code}</Code></Error>`);
}

function tell(response: ServerResponse, document: string): void {
  response.writeHead(200, { 'content-type': 'application/xml' }).end(`<?xml version="1.0"?>${document}`);
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
