import { expect, it, onTestFinished } from 'vitest';
import { openTestService } from '../service/__fixtures__/test-service.ts';
import { newKey } from './authentication.ts';
import type { ErrorBody } from './openai-error.ts';
import { apiRoutes } from './routes.ts';
import { createServer } from './server.ts';
import { createWrongKeys } from './wrong-keys.ts';

/** Counts at times of a clock that stands until it is set. */
function counting(options: { readonly most: number; readonly clients?: number }) {
  const clock = { now: 1_000_000 };
  const wrong = createWrongKeys({ ...options, now: () => clock.now });
  const count = (address: string) => {
    try {
      wrong.count(address);
      return 'counted';
    } catch (error) {
      return error as { readonly status: number; readonly code: string; readonly retryAfter: number };
    }
  };
  return { clock, count };
}

it('counts within a minute that slides, and says when the next may come', () => {
  const { clock, count } = counting({ most: 3 });
  for (const seconds of [0, 20, 40]) {
    clock.now = 1_000_000 + seconds * 1000;
    expect(count('192.0.2.1')).toBe('counted');
  }
  for (let time = 0; time < 5; time++)
    expect(count('192.0.2.1')).toMatchObject({ status: 429, code: 'too_many_wrong_keys', retryAfter: 20 });
  clock.now = 1_000_000 + 60_000;
  expect(count('192.0.2.1')).toBe('counted');
  expect(count('192.0.2.1')).toMatchObject({ status: 429, retryAfter: 20 });
  expect(count('192.0.2.2')).toBe('counted');
});

it('takes a network of IPv6 for one client', () => {
  const { count } = counting({ most: 2 });
  expect([count('2001:db8::1'), count('2001:db8::2'), count('2001:db8:0:1::1')]).toEqual(
    Array(3).fill('counted'),
  );
  expect(count('2001:db8::ffff:3')).toMatchObject({ status: 429 });
});

it('remembers so many clients and no more: who sent a wrong key last stays', () => {
  const { count } = counting({ most: 2, clients: 3 });
  for (const last of [1, 1, 2, 3, 2, 4]) expect(count(`192.0.2.${last}`)).toBe('counted');
  // 4 was one too many: 1 went, whose last one was longest ago.
  expect(count('192.0.2.2')).toMatchObject({ status: 429 });
  expect(count('192.0.2.1')).toBe('counted');
  expect(count('192.0.2.2')).toMatchObject({ status: 429 });
  for (let network = 0; network < 50_000; network++)
    count(`10.${network >> 16}.${(network >> 8) & 255}.${network & 255}`);
  expect(count('192.0.2.2')).toBe('counted');
});

/** A server of a service's, and what it answers to keys. */
async function openAsked(trustProxy: boolean, policy = 'limits: {wrong_keys_per_minute: 3}') {
  const { service, key } = await openTestService(policy);
  const server = await createServer(service, { routes: apiRoutes, trustProxy });
  onTestFinished(() => server.close());
  const address = await server.listen({ host: '127.0.0.1', port: 0 });
  const ask = (value: string, forwarded?: string) =>
    fetch(`${address}/v1/files`, {
      headers: {
        authorization: `Bearer ${value}`,
        ...(forwarded !== undefined && { 'x-forwarded-for': forwarded }),
      },
    });
  const statuses = async (values: readonly (readonly [string, string?])[]) => {
    const found: number[] = [];
    for (const given of values) found.push((await ask(...given)).status);
    return found;
  };
  return { service, key, ask, statuses };
}

it('tells an address of many wrong keys to wait, and takes the right ones that come from it', async () => {
  const { key, ask, statuses } = await openAsked(false);
  const right = await key('one');
  expect(await statuses([['wrong'], [right], ['sk-safetune-x'], ['wrong'], ['wrong'], [right]])).toEqual([
    401, 200, 401, 401, 429, 200,
  ]);
  const refused = await ask('wrong');
  const seconds = Number(refused.headers.get('retry-after'));
  expect(seconds).toBeGreaterThan(0);
  expect(seconds).toBeLessThanOrEqual(60);
  expect((await refused.json()) as ErrorBody).toMatchObject({
    error: { type: 'rate_limit_error', code: 'too_many_wrong_keys' },
  });
});

it('counts no request without a key, nor one with a key that opens something else', async () => {
  const { key, ask } = await openAsked(false, 'limits: {wrong_keys_per_minute: 1}');
  const customer = await key('one');
  const url = new URL((await ask(customer)).url);
  for (let time = 0; time < 3; time++) {
    expect((await fetch(url)).status).toBe(401);
    const headers = { authorization: `Bearer ${customer}` };
    expect((await fetch(new URL('/v1/organization/keys', url), { headers })).status).toBe(403);
  }
  expect((await ask('wrong')).status).toBe(401);
  expect((await ask('wrong')).status).toBe(429);
});

it('goes by no header that a client writes, unless a proxy is trusted', async () => {
  const { statuses } = await openAsked(false);
  expect(
    await statuses([
      ['wrong', '198.51.100.1'],
      ['wrong', '198.51.100.2'],
      ['wrong', '198.51.100.3, 198.51.100.4'],
      ['wrong', '198.51.100.5'],
    ]),
  ).toEqual([401, 401, 401, 429]);
});

it('goes by the address that a trusted proxy saw, not by what a client wrote before it', async () => {
  const { statuses } = await openAsked(true);
  expect(
    await statuses([
      ['wrong', '203.0.113.1, 198.51.100.1'],
      ['wrong', '203.0.113.2, 198.51.100.1'],
      ['wrong', '203.0.113.3, 198.51.100.1'],
      ['wrong', '203.0.113.4, 198.51.100.1'],
      ['wrong', '198.51.100.2'],
      ['wrong', '203.0.113.1, 198.51.100.1'],
    ]),
  ).toEqual([401, 401, 401, 429, 401, 429]);
});

it('does and tells the same for keys that never were, were revoked, are over, or are not right', async () => {
  const { service, key, ask } = await openAsked(false, 'limits: {wrong_keys_per_minute: 4}');
  const { get } = service.records;
  const looks: string[] = [];
  service.records.get = (kind, id) => {
    looks.push(kind);
    return get.call(service.records, kind, id) as never;
  };
  const revoked = await key('one');
  await service.records.remove('key', `key-${revoked.split('-')[2]}`);
  const right = await key('one');
  const { value: never } = newKey({
    tenant: 'one',
    role: 'customer',
    expiresAt: null,
    requestsPerMinute: null,
  });
  const keys = [
    never,
    revoked,
    await key('one', { expiresAt: 1 }),
    `${right.slice(0, -1)}${right.endsWith('a') ? 'b' : 'a'}`,
  ];
  looks.length = 0;
  for (const [expected, count] of [
    [401, keys.length],
    [429, 2 * keys.length],
  ] as const) {
    const told = new Set<string>();
    for (const value of keys) {
      const answered = await ask(value);
      expect(answered.status).toBe(expected);
      // The seconds that are left go down.
      told.add((await answered.text()).replaceAll(/\d+ s;/g, 's;'));
    }
    expect(told.size).toBe(1);
    expect(looks).toEqual(Array(count).fill('key'));
  }
});
