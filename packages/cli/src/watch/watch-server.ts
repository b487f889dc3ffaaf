import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { History } from './history.ts';
import type { WatchMessage } from './watch-message.ts';
import { watchPage } from './watch-page.ts';

export interface WatchServer {
  readonly url: string;
  tell(message: WatchMessage): void;
  close(): void;
}

/** More readers than a person has windows. */
const mostReaders = 32;
/** A reader that does not read is let go when so much waits for it. */
const mostBytesWaiting = 4e6;

/**
 * Serves the page of a run, and what happens as server-sent events, to this machine alone: bound to the loopback address, and to requests that name
 * it, so that no page of another origin reads along by a name of its own.
 */
export async function startWatchServer(): Promise<WatchServer> {
  const page = watchPage();
  const history = new History();
  const readers = new Set<ServerResponse>();
  const server = createServer((request, response) => {
    if (!isForUs(request)) return refuse(response, 421, 'this server answers to the loopback address only\n');
    if (request.method !== 'GET') return refuse(response, 405, 'only GET is answered\n');
    if (request.url === '/') return void response.writeHead(200, page.headers).end(page.html);
    if (request.url !== '/events') return refuse(response, 404, 'there is nothing here\n');
    if (readers.size >= mostReaders) return refuse(response, 503, 'too many windows are open\n');
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    send(response, history.messages);
    readers.add(response);
    response.on('close', () => readers.delete(response));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    tell(message) {
      history.add(message);
      for (const reader of readers) {
        if (reader.writableLength > mostBytesWaiting) reader.destroy();
        else send(reader, [message]);
      }
    },
    close() {
      for (const reader of readers) reader.end();
      server.close();
    },
  };
}

function send(response: ServerResponse, messages: readonly WatchMessage[]): void {
  response.write(`data: ${JSON.stringify(messages)}\n\n`);
}

function isForUs({ headers: { host = '' } }: IncomingMessage): boolean {
  return /^(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?$/.test(host);
}

function refuse(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain' }).end(text);
}
