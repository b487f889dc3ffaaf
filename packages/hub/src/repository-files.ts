import { z } from 'zod';
import { HubError } from './errors.ts';
import { describeRepository, type HubRepository, isFilePath } from './hub-name.ts';
import { answerError, type HubResponse, hubRequest, type RequestContext, repositoryPath } from './request.ts';

/** A file of a repository, as the hub lists it. */
export interface HubFile {
  /** With `/` between folders. */
  readonly path: string;
  readonly size: number;
  /** What its bytes must have: SHA-256 of a file in Git LFS, else git's own SHA-1 of a blob. Names it in the cache. */
  readonly hash: FileHash;
}

export interface FileHash {
  readonly kind: 'sha256' | 'git-blob';
  /** Hexadecimal. */
  readonly digest: string;
}

const commitSchema = z.object({ sha: z.string().regex(/^[0-9a-f]{40}$/) });
const size = z.int().nonnegative();
const treeSchema = z.array(
  z.discriminatedUnion('type', [
    z.object({
      type: z.literal('file'),
      path: z.string(),
      size,
      oid: z.string().regex(/^[0-9a-f]{40}$/),
      lfs: z.object({ oid: z.string().regex(/^[0-9a-f]{64}$/), size }).nullish(),
    }),
    z.object({ type: z.literal('directory') }),
  ]),
);

/** The commit that a revision is at present. @throws HubError, ConnectionLostError */
export async function commitOf(context: RequestContext): Promise<string> {
  const { repository } = context;
  const address = `${apiPath(repository)}/revision/${encodeURIComponent(repository.revision)}`;
  const { content } = await requestJson(new URL(address, context.settings.endpoint), context);
  return checked(commitSchema, content, repository).sha;
}

/**
 * All files of a commit, by path. Files whose path would leave the folder they are put into are not among them.
 *
 * @throws HubError, ConnectionLostError
 */
export async function filesOf(
  commit: string,
  context: RequestContext,
): Promise<ReadonlyMap<string, HubFile>> {
  const { repository, settings } = context;
  const files = new Map<string, HubFile>();
  const first = new URL(`${apiPath(repository)}/tree/${commit}?recursive=true`, settings.endpoint);
  for (let next: URL | undefined = first; next !== undefined; ) {
    const { content, headers } = await requestJson(next, context);
    for (const entry of checked(treeSchema, content, repository)) {
      if (entry.type !== 'file' || !isFilePath(entry.path)) continue;
      files.set(entry.path, {
        path: entry.path,
        size: entry.lfs?.size ?? entry.size,
        hash:
          entry.lfs == null
            ? { kind: 'git-blob', digest: entry.oid }
            : { kind: 'sha256', digest: entry.lfs.oid },
      });
    }
    if (files.size > mostFiles) throw answerError(repository, `it has more than ${mostFiles} files`);
    next = nextPage(headers, next);
    if (next !== undefined && next.origin !== settings.endpoint.origin) {
      throw answerError(repository, 'the list of its files goes on at another host');
    }
  }
  return files;
}

const mostFiles = 200_000;

/** Where a file's bytes are asked for. */
export function addressOf(file: HubFile, commit: string, { settings, repository }: RequestContext): URL {
  const path = file.path.split('/').map(encodeURIComponent).join('/');
  return new URL(`${repositoryPath(repository)}/resolve/${commit}/${path}`, settings.endpoint);
}

function apiPath({ type, name }: HubRepository): string {
  return `api/${type}s/${name}`;
}

/** The address in `<...>; rel="next"`. */
function nextPage(headers: Headers, base: URL): URL | undefined {
  const [, address] = /<([^>]+)>\s*;\s*rel="next"/.exec(headers.get('link') ?? '') ?? [];
  return address !== undefined && URL.canParse(address, base.href) ? new URL(address, base) : undefined;
}

async function requestJson(
  address: URL,
  context: RequestContext,
): Promise<{ readonly content: unknown; readonly headers: Headers }> {
  const response = await hubRequest(address, context, { accept: 'application/json' });
  const text = await boundedText(response, context.repository);
  try {
    return { content: JSON.parse(text), headers: response.headers };
  } catch {
    throw answerError(context.repository, `${address.host} does not answer with JSON; is it a hub?`);
  }
}

/** A page of the hub lists 1,000 files, in about 300 kB. */
const mostBytes = 32e6;

async function boundedText({ chunks }: HubResponse, repository: HubRepository): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    if (bytes > mostBytes) throw answerError(repository, `an answer has more than ${mostBytes} bytes`);
    parts.push(chunk);
  }
  return Buffer.concat(parts).toString('utf8');
}

function checked<Schema extends z.ZodType>(
  schema: Schema,
  content: unknown,
  repository: HubRepository,
): z.output<Schema> {
  const result = schema.safeParse(content);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new HubError(
    'answer',
    describeRepository(repository),
    `the hub's answer is not what it should be (${issue?.path.join('.')}: ${issue?.message})`,
  );
}
