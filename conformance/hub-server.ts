import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';

/** A request that came, and to which of the two hosts. */
export interface SeenRequest {
  readonly host: 'hub' | 'storage';
  readonly method: string;
  readonly path: string;
  readonly range: string | undefined;
  readonly authorization: string | undefined;
}

/** A file of a repository on the test server. */
export interface ServedFile {
  readonly content: Buffer;
  /** In Git LFS: redirected to the other host, with a SHA-256. */
  readonly isLarge: boolean;
  /** Its size as the list has it. Default its own. */
  readonly statedSize?: number;
}

/** What goes wrong with the bytes of large files; each call takes one from {@link HubServer.faults}, until there are none. */
export interface Fault {
  /** Ends the connection after so many bytes. */
  readonly cutAfter?: number;
  /** Answers with this status. */
  readonly status?: number;
  /** Sends everything, whatever was asked for. */
  readonly ignoresRange?: boolean;
  /** Sends other bytes. */
  readonly isWrong?: boolean;
  /** Sends so many bytes, then nothing, and keeps the connection. */
  readonly stallsAfter?: number;
}

/** A server that speaks as much of the hub's interface as a download needs, beside another host that stores large files. */
export interface HubServer {
  readonly commit: string;
  readonly endpoint: () => string;
  readonly seen: SeenRequest[];
  readonly faults: Fault[];
  /** Files by repository: `models/owner/name`. */
  readonly repositories: Map<string, Map<string, ServedFile>>;
  /** Repositories that want this token. */
  readonly gated: Map<string, string>;
  /** Files a page of the list of files. */
  pageSize: number;
}

const commit = 'c0ffee00'.repeat(5);

/** Starts it for the tests of a file; call it outside of them. */
export function hubServer(): HubServer {
  let hubAddress = '';
  let storageAddress = '';
  const server: HubServer = {
    commit,
    endpoint: () => hubAddress,
    seen: [],
    faults: [],
    repositories: new Map(),
    gated: new Map(),
    pageSize: 2,
  };
  const hub = createServer((request, response) => {
    record('hub', request);
    answerHub(server, request, response, { hubAddress, storageAddress });
  });
  const storage = createServer((request, response) => {
    record('storage', request);
    const [, key = ''] = /^\/lfs\/(.+)$/.exec(decodeURIComponent(request.url ?? '')) ?? [];
    const [repository = '', path = ''] = key.split('|');
    const file = server.repositories.get(repository)?.get(path);
    if (file === undefined) return void response.writeHead(404).end();
    sendBytes(file.content, request, response, server.faults.shift() ?? {});
  });
  const record = (host: SeenRequest['host'], request: IncomingMessage) => {
    const { method = '', url = '', headers } = request;
    server.seen.push({ host, method, path: url, range: headers.range, authorization: headers.authorization });
  };
  beforeAll(async () => {
    for (const each of [hub, storage]) await new Promise<void>((done) => each.listen(0, '127.0.0.1', done));
    hubAddress = `http://127.0.0.1:${(hub.address() as AddressInfo).port}`;
    storageAddress = `http://127.0.0.1:${(storage.address() as AddressInfo).port}`;
  });
  beforeEach(() => {
    server.seen.length = 0;
    server.faults.length = 0;
    server.repositories.clear();
    server.gated.clear();
    server.pageSize = 2;
  });
  afterAll(() => {
    for (const each of [hub, storage]) {
      each.closeAllConnections();
      each.close();
    }
  });
  return server;
}

function answerHub(
  server: HubServer,
  request: IncomingMessage,
  response: ServerResponse,
  { hubAddress, storageAddress }: { readonly hubAddress: string; readonly storageAddress: string },
): unknown {
  const url = new URL(request.url ?? '', hubAddress);
  const refuse = (status: number, code: string) =>
    void response.writeHead(status, { 'x-error-code': code, 'x-error-message': `${code} is said` }).end('{}');
  const [, kind, name, rest = ''] =
    /^\/api\/(models|datasets)\/([^/]+\/[^/]+)\/(.*)$/.exec(url.pathname) ??
    /^\/(datasets\/)?([^/]+\/[^/]+)\/(resolve\/.*)$/.exec(url.pathname) ??
    [];
  const repository = `${kind?.startsWith('datasets') ? 'datasets' : 'models'}/${name}`;
  const files = server.repositories.get(repository);
  if (files === undefined) return refuse(401, 'RepoNotFound');
  const token = server.gated.get(repository);
  if (token !== undefined && request.headers.authorization !== `Bearer ${token}`) {
    return refuse(request.headers.authorization === undefined ? 401 : 403, 'GatedRepo');
  }
  const [action, revision = '', ...path] = rest.split('/').map(decodeURIComponent);
  if (!['main', 'v1', 'refs/pr/7', server.commit].includes(revision)) return refuse(404, 'RevisionNotFound');
  const json = (value: unknown, headers = {}) =>
    void response
      .writeHead(200, { 'content-type': 'application/json', ...headers })
      .end(JSON.stringify(value));
  if (action === 'revision') return json({ id: name, sha: server.commit, siblings: [] });
  if (action === 'tree') {
    const first = Number(url.searchParams.get('cursor') ?? 0);
    const last = first + server.pageSize;
    const entries = [...files].slice(first, last).map(([entry, file]) => ({
      type: 'file',
      path: entry,
      size: file.statedSize ?? file.content.length,
      oid: gitBlob(file.content),
      ...(file.isLarge
        ? {
            lfs: {
              oid: sha256(file.content),
              size: file.statedSize ?? file.content.length,
              pointerSize: 134,
            },
          }
        : {}),
    }));
    url.searchParams.set('cursor', String(last));
    return json(
      first === 0
        ? [{ type: 'directory', path: 'folder', size: 0, oid: server.commit }, ...entries]
        : entries,
      last < files.size ? { link: `<${url.href}>; rel="next"` } : {},
    );
  }
  const file = files.get(path.join('/'));
  if (file === undefined) return refuse(404, 'EntryNotFound');
  response.setHeader('x-repo-commit', server.commit);
  if (!file.isLarge) {
    response.setHeader('etag', `"${gitBlob(file.content)}"`);
    return sendBytes(file.content, request, response, {});
  }
  response
    .writeHead(302, {
      'x-linked-etag': `"${sha256(file.content)}"`,
      'x-linked-size': file.content.length,
      location: `${storageAddress}/lfs/${encodeURIComponent(`${repository}|${path.join('/')}`)}`,
    })
    .end();
}

function sendBytes(content: Buffer, request: IncomingMessage, response: ServerResponse, fault: Fault): void {
  if (fault.status !== undefined) return void response.writeHead(fault.status, { 'retry-after': '0' }).end();
  const [, from] = fault.ignoresRange ? [] : (/^bytes=(\d+)-/.exec(request.headers.range ?? '') ?? []);
  const start = Number(from ?? 0);
  const bytes = fault.isWrong ? Buffer.alloc(content.length - start, 1) : content.subarray(start);
  response.writeHead(from === undefined ? 200 : 206, {
    'content-length': bytes.length,
    'accept-ranges': 'bytes',
    ...(from === undefined
      ? {}
      : { 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` }),
  });
  if (request.method === 'HEAD') return void response.end();
  const part = fault.cutAfter ?? fault.stallsAfter;
  if (part === undefined) return void response.end(bytes);
  response.write(bytes.subarray(0, part), () => {
    if (fault.cutAfter !== undefined) response.destroy();
  });
}

export function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

export function gitBlob(content: Buffer): string {
  return createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex');
}

/** An empty folder for each test; call it outside of them. */
export function emptyFolder(): () => string {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'safetune-hub-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  return () => folder;
}

/** A repository of a small text and one file of Git LFS, with random bytes. */
export function adapterRepository(byteLength = 300_000): Map<string, ServedFile> {
  return new Map([
    ['README.md', { content: Buffer.from('# Adapter\n'), isLarge: false }],
    ['adapter_config.json', { content: Buffer.from('{"peft_type": "LORA"}\n'), isLarge: false }],
    ['adapter_model.safetensors', { content: randomBytes(byteLength), isLarge: true }],
  ]);
}

/** The address of a host where nobody answers any more. */
export async function closedAddress(): Promise<string> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return `http://127.0.0.1:${port}`;
}
