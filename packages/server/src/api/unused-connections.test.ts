import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { watchUnusedConnections } from './unused-connections.ts';

it('ends the connections on which nothing was asked, and no other', async () => {
  let answer = () => {};
  const server = createServer((_request, response) => {
    answer = () => response.end('done');
  });
  const endUnused = watchUnusedConnections(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const unused = connect(port, '127.0.0.1');
  const answered = fetch(`http://127.0.0.1:${port}/`);
  await Promise.all([once(server, 'request'), once(unused, 'connect')]);
  // The server hears of a connection a little later than its client.
  await expect
    .poll(() => new Promise((resolve) => server.getConnections((_, count) => resolve(count))))
    .toBe(2);
  endUnused();
  await once(unused, 'close');
  answer();
  expect(await (await answered).text()).toBe('done');
});
