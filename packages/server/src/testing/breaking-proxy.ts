import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** Stands between a client and a server, and breaks connections at the worst moment. */
export interface BreakingProxy {
  /** Of the server, by way of the proxy. */
  readonly url: string;
  /** Lets the next request that has this text through, and breaks the connection when the answer comes. */
  breakNextAnswerOf(text: string): void;
  /** How many it has broken. */
  broken(): number;
  close(): Promise<void>;
}

export async function startBreakingProxy(url: string): Promise<BreakingProxy> {
  const target = new URL(url);
  const sockets = new Set<Socket>();
  let text: string | undefined;
  let broken = 0;
  const proxy = createServer((client) => {
    const server = connect(Number(target.port), target.hostname);
    let isBreaking = false;
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        server.destroy();
      });
    }
    client.on('data', (request) => {
      if (text !== undefined && request.includes(text)) {
        text = undefined;
        isBreaking = true;
      }
      server.write(request);
    });
    server.on('data', (answer) => {
      if (isBreaking) {
        broken += 1;
        client.destroy();
      } else client.write(answer);
    });
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const address = proxy.address();
  if (typeof address !== 'object' || address === null) throw new Error('the proxy has no port');
  return {
    url: `${target.protocol}//127.0.0.1:${address.port}`,
    breakNextAnswerOf(next) {
      text = next;
    },
    broken: () => broken,
    async close() {
      for (const socket of sockets) socket.destroy();
      proxy.close();
      await once(proxy, 'close');
    },
  };
}
