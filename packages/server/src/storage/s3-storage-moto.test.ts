import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { AwsClient } from 'aws4fetch';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openS3Storage } from './s3-storage.ts';
import { storageContract } from './testing/storage-contract.ts';

// A store that is not ours: Python's moto.

const whyNoMoto = (() => {
  const find =
    'import importlib.util, sys; sys.exit(not all(map(importlib.util.find_spec, ["moto", "flask"])))';
  try {
    execFileSync('python3', ['-c', find], { stdio: 'ignore' });
    return undefined;
  } catch {
    return "skipped, as python3 has no moto: pip install 'moto[server]'";
  }
})();

/** Tells the port that the operating system gave it, and serves until it is killed. */
const program = `
import threading
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
threading.Event().wait()
`;

const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };

describe.skipIf(whyNoMoto)(`with moto${whyNoMoto ? ` (${whyNoMoto})` : ''}`, () => {
  let server: ChildProcess;
  let endpoint: string;
  let buckets = 0;
  beforeAll(async () => {
    server = spawn('python3', ['-c', program], { stdio: ['ignore', 'pipe', 'ignore'] });
    const [port] = await Promise.race([
      once(createInterface({ input: server.stdout! }), 'line'),
      once(server, 'exit').then(() => {
        throw new Error('moto did not start');
      }),
    ]);
    endpoint = `http://127.0.0.1:${port}`;
  });
  afterAll(async () => {
    if (!server) return;
    const ended = once(server, 'exit');
    server.kill('SIGKILL');
    await ended;
  });
  const makeBucket = async () => {
    buckets += 1;
    const bucket = `bucket-${buckets}`;
    const client = new AwsClient({ ...credentials, service: 's3', region: 'us-east-1' });
    const made = await client.fetch(`${endpoint}/${bucket}`, { method: 'PUT' });
    expect(made.status).toBe(200);
    return bucket;
  };

  storageContract('a storage in S3', async () => {
    const options = { ...credentials, endpoint, bucket: await makeBucket() };
    return {
      open: () => openS3Storage(options),
      opening: `(await import('../s3-storage.ts')).openS3Storage(${JSON.stringify(options)})`,
      remove: async () => {},
    };
  });

  it('keeps contents of several parts', async () => {
    const bucket = await makeBucket();
    const storage = await openS3Storage({ ...credentials, endpoint, bucket, partBytes: 5 * 2 ** 20 });
    const content = Buffer.alloc(12_345_678, 'some bytes ');
    const stored = await storage.put('models/large', Readable.from([content]));
    expect(stored.bytes).toBe(content.length);
    expect((await buffer(await storage.read('models/large'))).equals(content)).toBe(true);
    const keys = Array.from({ length: 20 }, (_, index) => `files/${String(index).padStart(4, '0')}`);
    for (const key of keys) await storage.put(key, Readable.from(['x']));
    expect(await storage.list('files/')).toEqual(keys);
    await storage.remove('files/');
    expect(await storage.list('')).toEqual(['models/large']);
  });
});
