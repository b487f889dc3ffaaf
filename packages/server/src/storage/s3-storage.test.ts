import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StorageError } from '../errors.ts';
import { s3OptionsOf } from './s3-options.ts';
import { openS3Storage } from './s3-storage.ts';
import { type S3Server, startS3Server } from './testing/s3-server.ts';
import { storageContract } from './testing/storage-contract.ts';

const quick = { bucket: 'bucket', retries: 4, retryMilliseconds: 1 };

for (const prefix of [undefined, 'some/where'])
  storageContract(`a storage in S3 ${prefix ? 'under a prefix' : ''}`, async () => {
    const server = await startS3Server();
    // What is not the service's is not looked at.
    server.objects.set('some/where else', Buffer.from('foreign'));
    server.objects.set('some/where/ odd', Buffer.from('foreign'));
    const { endpoint, accessKeyId, secretAccessKey } = server;
    const options = {
      ...quick,
      endpoint,
      accessKeyId,
      secretAccessKey,
      ...(prefix && { prefix }),
      partBytes: 1_500_000,
    };
    return {
      open: () => openS3Storage(options),
      opening: `(await import('../s3-storage.ts')).openS3Storage(${JSON.stringify(options)})`,
      remove: () => server.close(),
    };
  });

describe('a storage in S3', () => {
  let server: S3Server;
  beforeEach(async () => {
    server = await startS3Server();
  });
  afterEach(() => server.close());
  const open = (fields = {}) => {
    const { endpoint, accessKeyId, secretAccessKey } = server;
    return openS3Storage({ ...quick, endpoint, accessKeyId, secretAccessKey, ...fields });
  };

  it.each([
    [999, 0],
    [1000, 0],
    [1001, 2],
    [2000, 2],
    [5500, 6],
  ])('uploads %d bytes in %d parts of 1000', async (bytes, parts) => {
    const storage = await open({ partBytes: 1000 });
    const content = randomBytes(bytes);
    server.requests.length = 0;
    const pieces = [content.subarray(0, 1), content.subarray(1, 700), content.subarray(700)];
    expect(await storage.put('a/b', Readable.from(pieces))).toEqual({
      bytes,
      sha256: createHash('sha256').update(content).digest('hex'),
    });
    expect(server.requests.filter((request) => request.includes('partNumber='))).toHaveLength(parts);
    expect(server.requests).toHaveLength(parts === 0 ? 1 : parts + 2);
    expect(server.objects.get('a/b')?.equals(content)).toBe(true);
    expect(server.uploads.size).toBe(0);
  });

  it('gives up an upload in parts whose stream fails', async () => {
    const storage = await open({ partBytes: 1000 });
    const content = async function* () {
      yield Buffer.alloc(2500);
      expect(server.uploads.size).toBe(1);
      throw new Error('the client has gone');
    };
    await expect(storage.put('a/b', Readable.from(content()))).rejects.toMatchObject({ problem: 'failed' });
    expect(server.uploads.size).toBe(0);
    expect(server.objects.size).toBe(0);
  });

  it('is not taken in by an upload in parts that was not finished', async () => {
    const storage = await open({ partBytes: 1000 });
    server.faults.push('unfinished');
    await expect(storage.put('a/b', Readable.from([Buffer.alloc(1500)]))).rejects.toMatchObject({
      problem: 'failed',
      message: expect.stringContaining('InternalError'),
    });
    expect(server.faults).toEqual([]);
  });

  it('sends again what the store could not answer, and gives up in the end', async () => {
    const storage = await open({ partBytes: 1000 });
    server.faults.push(503, 500, 429);
    await storage.put('a/b', Readable.from([Buffer.alloc(2500, 'x')]));
    server.faults.push(503);
    expect((await buffer(await storage.read('a/b'))).equals(Buffer.alloc(2500, 'x'))).toBe(true);
    server.faults.push(502);
    expect(await storage.list('')).toEqual(['a/b']);
    server.faults.push(503);
    await storage.remove('a/b');
    expect(server.objects.size).toBe(0);

    server.requests.length = 0;
    server.faults.push(...Array(9).fill(503));
    await expect(storage.list('')).rejects.toMatchObject({ problem: 'failed' });
    expect(server.requests).toHaveLength(1 + quick.retries);
    server.faults.length = 0;
  });

  it('does not send again what the store refuses', async () => {
    const storage = await open();
    server.requests.length = 0;
    server.faults.push(400);
    await expect(storage.put('a/b', Readable.from(['x']))).rejects.toMatchObject({ problem: 'failed' });
    expect(server.requests).toHaveLength(1);
  });

  it('goes on with a download that broke off', async () => {
    const storage = await open();
    const content = randomBytes(300_000);
    await storage.put('a/b', Readable.from([content]));
    const reading = async () => buffer(await storage.read('a/b'));
    server.faults.push('cut', 'cut', 503, 'cut');
    expect((await reading()).equals(content)).toBe(true);
    expect(server.faults).toEqual([]);
  });

  it('does not put two contents together when one is replaced during a download', async () => {
    const storage = await open();
    await storage.put('a/b', Readable.from([Buffer.alloc(300_000, 'a')]));
    server.faults.push('cut');
    const stream = await storage.read('a/b');
    server.objects.set('a/b', Buffer.alloc(300_000, 'b'));
    await expect(buffer(stream)).rejects.toMatchObject({ name: 'StorageError', problem: 'failed' });
  });

  it('does not open a bucket that is not there, or without the right key', async () => {
    await expect(open({ bucket: 'another' })).rejects.toMatchObject({ problem: 'failed' });
    const error: StorageError = await open({ secretAccessKey: 'wrong-secret' }).then(
      () => expect.unreachable(),
      (thrown) => thrown,
    );
    expect(error).toMatchObject({ name: 'StorageError', problem: 'failed' });
    expect(error.message).toContain('SignatureDoesNotMatch');
    expect(error.message).not.toContain('wrong-secret');
  });

  it('says that a store cannot be reached', async () => {
    const storage = await open({ retries: 1 });
    await storage.put('a/b', Readable.from(['content']));
    expect(await text(await storage.read('a/b'))).toBe('content');
    await server.close();
    await expect(storage.read('a/b')).rejects.toMatchObject({ problem: 'failed' });
    server = await startS3Server();
  });

  it.each([
    { bucket: '../x' },
    { bucket: 'Bucket' },
    { prefix: '../x' },
    { prefix: 'a/' },
    { endpoint: 'file:///etc' },
    { endpoint: 'http://store:9000/path' },
    { endpoint: 'nothing' },
    { region: 'a/b' },
    { partBytes: 0 },
    { retries: -1 },
  ])('refuses the options %j', async (fields) => {
    server.requests.length = 0;
    await expect(open(fields)).rejects.toMatchObject({ name: 'StorageError', problem: 'refused' });
    expect(server.requests).toEqual([]);
  });
});

describe('the address of a store', () => {
  const environment = { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'hush' };

  it('is read with the credentials of the environment', () => {
    expect(s3OptionsOf('s3://safetune?endpoint=http://store:9000', environment)).toEqual({
      bucket: 'safetune',
      endpoint: 'http://store:9000',
      accessKeyId: 'id',
      secretAccessKey: 'hush',
    });
    expect(
      s3OptionsOf('s3://safetune/a/b/?region=eu-west-1&path-style=false', {
        ...environment,
        AWS_SESSION_TOKEN: 'token',
      }),
    ).toEqual({
      bucket: 'safetune',
      prefix: 'a/b',
      region: 'eu-west-1',
      pathStyle: false,
      accessKeyId: 'id',
      secretAccessKey: 'hush',
      sessionToken: 'token',
    });
    expect(s3OptionsOf('s3://safetune', { ...environment, AWS_REGION: 'eu-central-1' }).region).toBe(
      'eu-central-1',
    );
  });

  it.each([
    '',
    'http://store',
    's3://id:hush@safetune',
    's3://safetune?regoin=x',
    's3://safetune?path-style=1',
  ])('is refused when it is %j', (address) => {
    expect(() => s3OptionsOf(address, environment)).toThrow(expect.objectContaining({ problem: 'refused' }));
  });

  it('is refused without credentials', () => {
    expect(() => s3OptionsOf('s3://safetune', {})).toThrow('AWS_ACCESS_KEY_ID');
  });
});
