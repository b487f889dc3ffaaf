/** Five hundred clients who leave event streams open: the bounds hold, others are answered, and nothing stays when they are gone. */
import { type ClientRequest, get } from 'node:http';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { openTestService, trainingFile, until } from '../service/__fixtures__/test-service.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Streams of one key at once, by default. */
const ofKey = 50;
const keys = 10;

async function heapBytes(): Promise<number> {
  // What has ended is let go of in later turns.
  for (let round = 0; round < 3; round += 1) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    collectGarbage();
  }
  return process.memoryUsage().heapUsed;
}

/** A client that leaves a stream open, on a connection of its own. */
function openStream(
  url: string,
  key: string,
): Promise<{ readonly status: number; readonly request: ClientRequest }> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${key}` };
    const request = get(url, { agent: false, headers }, (response) => {
      response.on('error', () => {}).resume();
      resolve({ status: response.statusCode!, request });
    });
    request.on('error', reject);
  });
}

it('holds five hundred open streams, answers besides, and forgets them', async () => {
  const service = await openTestService('limits: {requests_per_minute: 100000}', { keepAlive: 100 });
  const client = await service.client('one');
  const file = await client.files.create({ file: trainingFile(), purpose: 'fine-tune' });
  const job = await client.fineTuning.jobs.create({ model: 'tiny', training_file: file.id });
  const path = `/v1/fine_tuning/jobs/${job.id}/events?stream=true`;
  const values = await Promise.all(Array.from({ length: keys }, () => service.key('one')));
  const url = `${service.address}${path}`;
  const crowd = async () => {
    const opened = await Promise.all(
      values.flatMap((value) => Array.from({ length: ofKey }, () => openStream(url, value))),
    );
    expect(opened.every(({ status }) => status === 200)).toBe(true);
    // Each key has as many as it may.
    const more = await Promise.all(values.map((value) => openStream(url, value)));
    expect(more.map(({ status }) => status)).toEqual(values.map(() => 429));
    expect((await service.fetch('/v1/files', values[0]!)).status).toBe(200);
    expect((await client.fineTuning.jobs.retrieve(job.id)).status).toBe('queued');
    expect(await connections()).toBeGreaterThan(ofKey * keys);
    for (const { request } of [...opened, ...more]) request.destroy();
    await until(async () => (await connections()) <= quiet);
  };
  const connections = () =>
    new Promise<number>((resolve) => service.server.getConnections((_error, count) => resolve(count)));
  const quiet = await connections();
  // What is made once, such as compiled code, is there after the first.
  await crowd();
  const before = await heapBytes();
  for (let round = 0; round < 3; round += 1) await crowd();
  const grown = (await heapBytes()) - before;
  // Of 1500 streams: less than 3.5 kB each.
  expect(grown).toBeLessThan(5 * 2 ** 20);
});
