/** A hub, or whoever answers in its name, that means ill. */
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { emptyFolder } from '../../../conformance/hub-server.ts';
import { openHubSnapshot } from './snapshot.ts';

const cache = emptyFolder();
const commit = 'c0ffee00'.repeat(5);
const repository = { type: 'model', name: 'owner/name', revision: 'main' } as const;

async function snapshotOf(answer: RequestListener) {
  const server = createServer(answer);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return openHubSnapshot(repository, { endpoint, cacheDirectory: cache(), token: 'hf_secret', retries: 0 });
}

/** Answers with a tree of these entries. */
const tree =
  (...entries: unknown[]): RequestListener =>
  ({ url }, response) =>
    void response.end(JSON.stringify(url?.includes('/revision/') ? { sha: commit } : entries));
const file = (path: string, more = {}) => ({ type: 'file', path, size: 3, oid: '0'.repeat(40), ...more });

it('lists paths that lead elsewhere: they are left out', async () => {
  const strange = [
    '../evil',
    '/etc/passwd',
    'a/../../b',
    'a\\..\\b',
    'C:x',
    'nul\0',
    'a//b',
    './x',
    'con|x',
    '',
  ];
  const snapshot = await snapshotOf(tree(...strange.map((path) => file(path)), file('a/good.json')));
  expect([...snapshot.files.keys()]).toEqual(['a/good.json']);
});

it.each([
  ['a hash that is a path', tree(file('x', { oid: '../../../../evil' }))],
  ['a hash of Git LFS that is a path', tree(file('x', { lfs: { oid: '../evil', size: 3 } }))],
  ['a size below zero', tree(file('x', { size: -1 }))],
  ['a commit that is a path', (_, response) => void response.end('{"sha": "../../evil"}')],
  ['no JSON', (_, response) => void response.end('<!DOCTYPE html>')],
  ['redirects without end', ({ url }, response) => void response.writeHead(302, { location: url }).end()],
  [
    'a redirect to a file',
    (_, response) => void response.writeHead(302, { location: 'file:///etc/passwd' }).end(),
  ],
  [
    'a list that goes on at another host',
    ({ url }, response) => {
      response.setHeader('link', '<http://127.0.0.2:9/api/models/x/tree/y>; rel="next"');
      tree()({ url } as never, response as never);
    },
  ],
] satisfies [string, RequestListener][])('answers with %s: it is refused', async (_, answer) => {
  await expect(snapshotOf(answer)).rejects.toMatchObject({ problem: 'answer' });
});

it('answers without end: no more is read than an answer may have', async () => {
  const endless: RequestListener = (_, response) => {
    const chunk = Buffer.alloc(2 ** 20, 32);
    const more = () => {
      while (!response.destroyed && response.write(chunk));
      if (!response.destroyed) response.once('drain', more);
    };
    more();
  };
  await expect(snapshotOf(endless)).rejects.toThrow('more than 32000000 bytes');
});
