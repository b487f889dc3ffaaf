import { Redis } from 'ioredis';
import { StoreError } from '../errors.ts';

export interface RedisOptions {
  /** What all keys begin with, so that several services can use one Redis: letters, digits, - and _. Default: 'safetune'. */
  readonly prefix?: string;
  /** Is told what the operator should know: that this Redis forgets what it acknowledged, or that the connection broke. Default: nobody. */
  readonly onWarning?: (text: string) => void;
}

/** For how long a call waits for a Redis that is being started anew, roughly, before it fails. */
const patienceMilliseconds = 30_000;
const retryMilliseconds = 500;

/** The layout of what is kept; written into Redis once. */
const layout = 1;

/**
 * Connects to Redis or Valkey, and checks that it keeps what it is given.
 *
 * @param url - `redis://` or `rediss://`, with user and password where it needs them.
 * @throws StoreError 'refused' for an address or a prefix that is none, or a Redis that drops what it has when its memory is full; 'newer'
 *   when a later version wrote it; 'failed' when it cannot be reached. No message tells the password.
 */
export async function openRedisConnection(url: string, options: RedisOptions = {}): Promise<Redis> {
  const { prefix = 'safetune', onWarning } = options;
  const place = placeOf(url);
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(prefix))
    throw new StoreError(place, 'refused', 'the prefix of the keys has 1 to 64 letters, digits, - and _');
  const redis = new Redis(url, {
    lazyConnect: true,
    maxRetriesPerRequest: patienceMilliseconds / retryMilliseconds,
    retryStrategy: (times) => Math.min(50 * times, retryMilliseconds),
    // A server that became a replica: the address leads to the new one.
    reconnectOnError: (error) => (error.message.startsWith('READONLY') ? 2 : false),
    keepAlive: 10_000,
  });
  let told = '';
  redis.on('error', (error) => {
    // One line for an outage, not one for each try.
    if (told !== error.message) onWarning?.(`${place}: ${error.message}`);
    told = error.message;
  });
  redis.on('ready', () => {
    told = '';
  });
  try {
    await redis.connect();
    await checkThatItKeeps(redis, place, onWarning);
    await redis.set(`${prefix}:layout`, layout, 'NX');
    const found = Number(await redis.get(`${prefix}:layout`));
    if (!(found <= layout))
      throw new StoreError(
        place,
        'newer',
        `holds layout ${found}, and this version knows ${layout}: install the newer version again`,
      );
    return redis;
  } catch (cause) {
    redis.disconnect();
    if (StoreError.isInstance(cause)) throw cause;
    throw new StoreError(place, 'failed', `cannot be used (${(cause as Error).message})`, { cause });
  }
}

/** A further connection of the same place, whose calls wait for Redis for as long as it takes. */
export function patientConnection(redis: Redis): Redis {
  const further = redis.duplicate({ maxRetriesPerRequest: null, lazyConnect: false });
  // The first connection tells.
  further.on('error', () => {});
  return further;
}

/** The address without user and password. @throws StoreError 'refused' for one that is none. */
export function placeOf(url: string): string {
  try {
    const { protocol, host, pathname } = new URL(url);
    if ((protocol === 'redis:' || protocol === 'rediss:') && host !== '')
      return `${protocol}//${host}${pathname}`;
  } catch {
    // Below.
  }
  throw new StoreError('redis', 'refused', 'the address must be like redis://user:password@host:6379/0');
}

async function checkThatItKeeps(
  redis: Redis,
  place: string,
  onWarning?: (text: string) => void,
): Promise<void> {
  const facts = new Map(
    (await redis.info())
      .split(/\r?\n/)
      .map((line) => line.split(':', 2))
      .map(([name = '', value = '']) => [name, value]),
  );
  const policy = facts.get('maxmemory_policy');
  if (policy !== undefined && policy !== 'noeviction' && facts.get('maxmemory') !== '0')
    throw new StoreError(
      place,
      'refused',
      `drops what it has when its memory is full (maxmemory-policy ${policy}): set maxmemory-policy noeviction`,
    );
  if (facts.get('aof_enabled') === '0')
    onWarning?.(
      `${place}: loses what it acknowledged when it stops: set appendonly yes, and appendfsync always to lose nothing at all`,
    );
}
