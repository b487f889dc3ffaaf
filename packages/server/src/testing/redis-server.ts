import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { freePort } from './free-port.ts';

/** Why tests with a Redis are skipped; undefined when they are not. */
export const whyNoRedis: string | undefined = (() => {
  try {
    execFileSync('redis-server', ['--version'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'skipped, as there is no redis-server on this machine';
  }
})();

/** A Redis of the test's own, with its data in a temporary folder. */
export interface RedisServer {
  readonly url: string;
  /** Stops it as the operating system does with 'SIGTERM', or kills it, and waits for its end. */
  stop(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  start(): Promise<void>;
  /** Stops it and removes its data. */
  remove(): Promise<void>;
}

/** Starts a Redis on a free port that writes everything to the disk before it answers; other settings may follow. */
export async function startRedis(...settings: readonly string[]): Promise<RedisServer> {
  const directory = await mkdtemp(join(tmpdir(), 'safetune-redis-'));
  let port = 0;
  let server: ChildProcess | undefined;
  /** @returns whether it has the port: another may have taken it in between. */
  const tryToStart = async () => {
    const where = ['--port', String(port), '--bind', '127.0.0.1', '--dir', directory];
    const how = ['--save', '', '--appendonly', 'yes', '--appendfsync', 'always', ...settings];
    const started = spawn('redis-server', [...where, ...how], { stdio: 'ignore' });
    server = started;
    endWithParent(started, directory);
    const client = new Redis(port, '127.0.0.1', { maxRetriesPerRequest: null, retryStrategy: () => 50 });
    client.on('error', () => {});
    const answers = async () => {
      await client.ping();
      return (await client.info('server')).includes(`process_id:${started.pid}\r\n`);
    };
    try {
      return await Promise.race([answers(), once(started, 'exit').then(() => false)]);
    } finally {
      client.disconnect();
    }
  };
  const start = async () => {
    while (!(await tryToStart())) await pause(50);
  };
  const stop = async (signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM') => {
    if (server && server.exitCode === null && server.signalCode === null) {
      const ended = once(server, 'exit');
      server.kill(signal);
      await ended;
    }
  };
  do port = await freePort();
  while (!(await tryToStart()));
  return {
    url: `redis://127.0.0.1:${port}`,
    start,
    stop,
    async remove() {
      await stop('SIGKILL');
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Has a process end, and a folder go, also when this process is killed: a shell waits for the end of its input, which is this one's end. */
function endWithParent(child: ChildProcess, directory: string): void {
  if (child.pid === undefined) return;
  const command = 'read -r _; kill -9 "$0"; rm -rf "$1"';
  const watcher = spawn('sh', ['-c', command, String(child.pid), directory], {
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  watcher.unref();
  child.once('exit', () => watcher.kill('SIGKILL'));
}
