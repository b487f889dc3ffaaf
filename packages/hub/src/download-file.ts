import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { HubError } from './errors.ts';
import { describeRepository } from './hub-name.ts';
import { PartialFile } from './partial-file.ts';
import { addressOf, type HubFile } from './repository-files.ts';
import { ConnectionLostError, hubRequest, type RequestContext } from './request.ts';

/** A file to fetch: of which commit, and to where. */
export interface FileDownload {
  readonly file: HubFile;
  readonly commit: string;
  /** Where the whole, checked file will stand. */
  readonly path: string;
  /** Told how many of its bytes are there. */
  readonly onBytes: (bytes: number) => void;
}

/**
 * Fetches a file, going on where an earlier try stopped, and lets it appear at its place when its hash is right. When it fails
 * or is aborted, what has come stays for the next try.
 *
 * The package `@huggingface/hub` is not used for it: of a file that was cut it begins anew, it checks no hash, and the token it
 * sends must begin with `hf_`, which a mirror's need not.
 *
 * @throws HubError (`interrupted`, `wrong-bytes` and what the hub refuses); the signal's reason when it is aborted.
 */
export async function downloadFile(download: FileDownload, context: RequestContext): Promise<void> {
  const { file, path } = download;
  await mkdir(dirname(path), { recursive: true });
  const partial = await PartialFile.open(path, file);
  try {
    const wasContinued = partial.isContinued;
    await receive(partial, download, context);
    if (!partial.isRight() && wasContinued) {
      // What lay there may have been damaged: once more, from the beginning.
      await partial.restart();
      await receive(partial, download, context);
    }
  } catch (error) {
    await partial.giveUp();
    throw error;
  }
  if (partial.isRight()) return partial.commit();
  await partial.discard();
  throw wrongBytes(download, context, `does not have the ${file.hash.kind} hash ${file.hash.digest}`);
}

/** Until all bytes are there, over as many connections as it takes. */
async function receive(partial: PartialFile, download: FileDownload, context: RequestContext): Promise<void> {
  const { settings, signal, repository } = context;
  download.onBytes(partial.length);
  for (let failures = 0; partial.length < download.file.size; ) {
    const before = partial.length;
    try {
      await receiveOnce(partial, download, context);
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof ConnectionLostError)) throw error;
      failures = partial.length > before ? 1 : failures + 1;
      if (failures > settings.retries) {
        throw new HubError(
          'interrupted',
          describeRepository(repository),
          `the connection was lost at byte ${partial.length} of ${download.file.size} of ${download.file.path}, ` +
            `${failures} times in a row (${error.message}). The same call goes on from there`,
          { cause: error },
        );
      }
      await delay(error.retryAfterMs ?? Math.min(8000, 250 * 2 ** (failures - 1)), undefined, {
        ...(signal === undefined ? {} : { signal }),
      }).catch(() => signal?.throwIfAborted());
    }
  }
}

async function receiveOnce(
  partial: PartialFile,
  download: FileDownload,
  context: RequestContext,
): Promise<void> {
  const { file, commit, onBytes } = download;
  const start = partial.length;
  const { status, headers, chunks } = await hubRequest(
    addressOf(file, commit, context),
    context,
    start === 0 ? {} : { range: `bytes=${start}-` },
  );
  const range = headers.get('content-range');
  if (status === 206 && range !== `bytes ${start}-${file.size - 1}/${file.size}`) {
    throw wrongBytes(
      download,
      context,
      `comes as '${range}' where byte ${start} of ${file.size} was asked for`,
    );
  }
  // A server that knows no ranges sends everything again.
  if (status !== 206 && start > 0) await partial.restart();
  for await (const chunk of chunks) {
    if (partial.length + chunk.length > file.size) {
      await partial.restart();
      throw wrongBytes(download, context, `has more than the ${file.size} bytes that the hub states`);
    }
    await partial.append(chunk);
    onBytes(partial.length);
  }
  if (partial.length < file.size) throw new ConnectionLostError('the answer ended early');
}

function wrongBytes({ file }: FileDownload, { repository }: RequestContext, problem: string): HubError {
  return new HubError(
    'wrong-bytes',
    describeRepository(repository),
    `what came as ${file.path} ${problem}; it was thrown away. Try again, and mistrust the connection if it comes again`,
  );
}
