import { createServer, type IncomingHttpHeaders } from 'node:http';
import OpenAI from 'openai';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startFakeWorker } from '../service/__fixtures__/fake-worker.ts';
import { openTestService, trainingFile, until } from '../service/__fixtures__/test-service.ts';
import { announceEnds } from './announce-ends.ts';
import { deliverWebhooks } from './deliver-webhooks.ts';
import { checkWebhookUrl, isPublicAddress, publicLookup } from './public-address.ts';

interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A place that hears webhooks, and answers with the next of the statuses, then 200. */
async function openReceiver(statuses: number[] = []) {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (text: string) => {
      body += text;
    });
    request.on('end', () => {
      received.push({ headers: request.headers, body });
      const status = statuses.shift() ?? 200;
      response.writeHead(status, status === 302 ? { location: '/elsewhere' } : {}).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as { readonly port: number };
  return { url: `http://127.0.0.1:${port}/hook`, received };
}

const eventTypes = [
  'fine_tuning.job.succeeded',
  'fine_tuning.job.failed',
  'fine_tuning.job.cancelled',
] as const;

it('tells the end of a job, so that the official client unwraps it', async () => {
  const { client: clientOf, service } = await openTestService();
  const client = await clientOf('one');
  const { url, received } = await openReceiver();
  const webhook = await client.webhooks.create({ name: 'hook', url, event_types: [...eventTypes] });
  expect(webhook).toMatchObject({
    object: 'webhook_endpoint',
    url,
    signing_secret: expect.stringMatching(/^whsec_/),
  });
  const stranger = await clientOf('two');
  await stranger.webhooks.create({ name: 'foreign', url, event_types: [...eventTypes] });
  const file = await client.files.create({ file: trainingFile(), purpose: 'fine-tune' });
  const job = await client.fineTuning.jobs.create({ model: 'tiny', training_file: file.id });
  await announceEnds(service);
  await deliverWebhooks(service, service.webhooks);
  expect(received).toEqual([]);
  const worker = startFakeWorker(service);
  await until(async () => (await client.fineTuning.jobs.retrieve(job.id)).status === 'succeeded');
  await worker.close();
  // Two servers at once.
  await Promise.all([announceEnds(service), announceEnds(service)]);
  await Promise.all([deliverWebhooks(service, service.webhooks), deliverWebhooks(service, service.webhooks)]);
  expect(received).toHaveLength(1);
  const [{ headers, body }] = received as [Received];
  const event = await client.webhooks.unwrap(body, headers as Record<string, string>, webhook.signing_secret);
  expect(event).toMatchObject({ object: 'event', type: 'fine_tuning.job.succeeded', data: { id: job.id } });
  expect(headers['webhook-id']).toBe(event.id);
  const forged = client.webhooks.unwrap(
    `${body} `,
    headers as Record<string, string>,
    webhook.signing_secret,
  );
  await expect(forged).rejects.toThrow(OpenAI.InvalidWebhookSignatureError);
  expect((await service.records.list('open-job', { limit: 1, order: 'asc' })).items).toEqual([]);
  await deliverWebhooks(service, service.webhooks);
  expect(received).toHaveLength(1);
});

it('tries again what did not arrive, later and later, with the same id, and gives up after three days', async () => {
  const { client: clientOf, service } = await openTestService();
  const client = await clientOf('one');
  const { url, received } = await openReceiver([500, 302, 404, 410]);
  await client.webhooks.create({ name: 'hook', url, event_types: ['fine_tuning.job.cancelled'] });
  const file = await client.files.create({ file: trainingFile(), purpose: 'fine-tune' });
  const job = await client.fineTuning.jobs.create({ model: 'tiny', training_file: file.id });
  await client.fineTuning.jobs.cancel(job.id);
  await announceEnds(service);
  const start = Date.now();
  const at = (seconds: number) =>
    deliverWebhooks(service, service.webhooks, { now: start + seconds * 1000 + 100 });
  const left = async () => (await service.records.list('webhook-delivery', { limit: 9, order: 'asc' })).items;
  await at(0);
  expect(received).toHaveLength(1);
  await at(4);
  expect(received).toHaveLength(1);
  await at(6);
  await at(20);
  expect(received).toHaveLength(2);
  await at(40);
  expect(received).toHaveLength(3);
  expect(await left()).toMatchObject([{ attempts: 3 }]);
  await at(73 * 3600);
  expect(received).toHaveLength(4);
  expect(new Set(received.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
  expect(await left()).toEqual([]);
});

it('has a delivery that a dying server left, and one whose webhook is gone', async () => {
  const { client: clientOf, service } = await openTestService();
  const client = await clientOf('one');
  const { url, received } = await openReceiver();
  const webhook = await client.webhooks.create({
    name: 'hook',
    url,
    event_types: ['fine_tuning.job.cancelled'],
  });
  const file = await client.files.create({ file: trainingFile(), purpose: 'fine-tune' });
  const cancelled = async () => {
    const { id } = await client.fineTuning.jobs.create({ model: 'tiny', training_file: file.id });
    await client.fineTuning.jobs.cancel(id);
    await announceEnds(service);
    return (await service.records.list('webhook-delivery', { limit: 1, order: 'desc' })).items[0]!;
  };
  const { id } = await cancelled();
  // Taken by a server that died with it.
  await service.records.change('webhook-delivery', id, (one) => ({
    ...one,
    attempts: 1,
    nextAt: Date.now() + 60_000,
  }));
  await deliverWebhooks(service, service.webhooks);
  expect(received).toEqual([]);
  await deliverWebhooks(service, service.webhooks, { now: Date.now() + 61_000 });
  expect(received).toHaveLength(1);
  await cancelled();
  await client.webhooks.delete(webhook.id);
  await deliverWebhooks(service, service.webhooks);
  expect(received).toHaveLength(1);
  expect((await service.records.list('webhook-delivery', { limit: 1, order: 'asc' })).items).toEqual([]);
});

it('is changed, tested and given new secrets by the official client', async () => {
  const { client: clientOf, service } = await openTestService();
  const { webhooks } = await clientOf('one');
  const { url, received } = await openReceiver([200, 503]);
  const made = await webhooks.create({ name: 'hook', url, event_types: ['fine_tuning.job.failed'] });
  const test = () => webhooks.test(made.id, { event_type: 'fine_tuning.job.failed' });
  expect(await test()).toMatchObject({ object: 'webhook_endpoint.test', status_code: 200, success: true });
  expect(await test()).toMatchObject({ status_code: 503 });
  const accepts = async (secret: string) => {
    const { headers, body } = received.at(-1)!;
    return webhooks.unwrap(body, headers as Record<string, string>, secret).then(
      () => true,
      () => false,
    );
  };
  const kept = await webhooks.rotateSecret(made.id, { keep_old_secret_active_for_24_hours: true });
  await test();
  expect([await accepts(made.signing_secret), await accepts(kept.signing_secret)]).toEqual([true, true]);
  const rotated = await webhooks.rotateSecret(made.id);
  await test();
  expect([await accepts(kept.signing_secret), await accepts(rotated.signing_secret)]).toEqual([false, true]);
  expect(await webhooks.update(made.id, { name: 'other' })).toMatchObject({ name: 'other', url });
  expect(JSON.stringify(await webhooks.retrieve(made.id))).not.toContain(rotated.signing_secret);
  expect((await webhooks.list()).data.map(({ id }) => id)).toEqual([made.id]);
  expect((await webhooks.eventTypes.list()).data).toEqual(eventTypes);
  await webhooks.update(made.id, { url: 'http://127.0.0.1:1/' });
  await expect(test()).rejects.toMatchObject({ status: 400, code: 'webhook_unreachable' });
  expect(service.webhooks.allowPrivate).toBe(true);
});

describe('where a webhook may lead', () => {
  it.each([
    'http://example.com/',
    'https://localhost/',
    'https://a.localhost./',
    'https://127.0.0.1/',
    'https://127.1/',
    'https://0x7f000001/',
    'https://2130706433/',
    'https://0/',
    'https://10.1.2.3/',
    'https://172.31.0.1/',
    'https://192.168.1.1/',
    'https://169.254.169.254/latest/meta-data',
    'https://100.64.0.1/',
    'https://[::1]/',
    'https://[::]/',
    'https://[::ffff:127.0.0.1]/',
    'https://[::ffff:7f00:1]/',
    'https://[64:ff9b::7f00:1]/',
    'https://[fe80::1]/',
    'https://[fd00::1]/',
    'https://[2002:7f00:1::]/',
    'https://user:password@example.com/',
    'ftp://example.com/',
    'file:///etc/passwd',
    'nonsense',
  ])('not to %s', (url) => {
    expect(() => checkWebhookUrl(url, false)).toThrow(/^The url/);
  });

  it.each(['https://example.com/a?b=c', 'https://8.8.8.8/', 'https://[2606:4700::1111]:8443/'])(
    'to %s',
    (url) => {
      expect(() => checkWebhookUrl(url, false)).not.toThrow();
    },
  );

  it.each([
    ['8.8.8.8', true],
    ['172.15.255.255', true],
    ['172.16.0.0', false],
    ['255.255.255.255', false],
    ['2606:4700::1111', true],
    ['2001:db8::1', false],
    ['::ffff:8.8.8.8', false],
    ['ff02::1', false],
    ['no address', false],
  ])('%s is public: %s', (address, expected) => {
    expect(isPublicAddress(address)).toBe(expected);
  });

  it('not to a name that one of its addresses betrays', async () => {
    const lookupOf = (...addresses: string[]) => {
      const lookup = publicLookup(((
        _name: string,
        _options: object,
        callback: (...given: unknown[]) => void,
      ) =>
        callback(
          null,
          addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
        )) as never);
      return new Promise((resolve) =>
        lookup('name', { all: false }, (error, address) => resolve(error ?? address)),
      );
    };
    expect(await lookupOf('8.8.8.8')).toBe('8.8.8.8');
    expect(await lookupOf('8.8.8.8', '127.0.0.1')).toBeInstanceOf(Error);
    expect(await lookupOf('::1')).toBeInstanceOf(Error);
    expect(await lookupOf()).toBeInstanceOf(Error);
  });

  it('says so when it is made, and reaches nothing when the name changes its mind', async () => {
    const { client: clientOf, service } = await openTestService('limits: {}', {}, false);
    const { webhooks } = await clientOf('one');
    const { url, received } = await openReceiver();
    const event_types = ['fine_tuning.job.failed' as const];
    await expect(webhooks.create({ name: 'x', url, event_types })).rejects.toMatchObject({
      status: 400,
      param: 'url',
    });
    const made = await webhooks.create({ name: 'x', url: 'https://example.com/', event_types });
    await expect(webhooks.update(made.id, { url })).rejects.toMatchObject({ status: 400, param: 'url' });
    // As if the name had come to lead here after it was checked.
    const { port } = new URL(url);
    for (const moved of [url, `https://localhost:${port}/`, `https://127.0.0.1:${port}/`]) {
      await service.records.change('webhook', made.id, (webhook) => ({ ...webhook, url: moved }));
      const test = webhooks.test(made.id, { event_type: event_types[0]! });
      await expect(test).rejects.toMatchObject({ status: 400, code: 'webhook_unreachable' });
    }
    expect(received).toEqual([]);
  });
});
