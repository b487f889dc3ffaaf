import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { isProcessAlive, type ProcessOwner } from '@safetune/tensor';
import OpenAI from 'openai';
import { policyFolder } from '../../policy/__fixtures__/policy-folder.ts';
import { finalStatuses } from '../../records/job-record.ts';
import { startRedis } from '../../testing/redis-server.ts';
import { answers, policyText, slow } from '../../work/__fixtures__/job-world.ts';
import { openServiceWorker } from '../../work/open-service-worker.ts';
import { findDamage, whatItCameTo } from './chaos-checks.ts';
import { keepProcess } from './kept-process.ts';

export interface ChaosOptions {
  readonly kills: number;
  /** Of the moments and the victims; what the processes are doing then differs from run to run. */
  readonly seed: number;
  /** Records and queue on a Redis of its own, which is killed too. Default: SQLite. */
  readonly redis?: boolean;
  /** Hears of each kill. */
  readonly log?: (line: string) => void;
}

export interface ChaosFigures {
  /** How often each kind of process was killed. */
  readonly kills: Readonly<Record<string, number>>;
  readonly jobs: number;
  /** Beyond the first of each job. */
  readonly furtherAttempts: number;
  readonly seconds: number;
  /** What is not as it would be had nobody been killed. */
  readonly damage: readonly string[];
}

const openAtOnce = 2;
const tenants = ['one', 'two'];

/**
 * A real service under kills: a server with a worker beside it, and two workers of their own, do the jobs of two customers, who always have
 * two open each. At moments and of kinds that a seed decides, a process is killed as `kill -9` does: a server, a worker, or that of a job.
 * What died is started again. At the end it is looked what there is.
 */
export async function runChaos({
  kills,
  seed,
  redis: isOnRedis = false,
  log = () => {},
}: ChaosOptions): Promise<ChaosFigures> {
  const began = performance.now();
  const closers: (() => Promise<unknown>)[] = [];
  try {
    const { folder, file: policy } = await policyFolder(
      `${policyText(30).replace('limits: {', 'limits: {jobs_per_day: 1000000, ')}gate: {log_odds: {quarantine: 1000}}\n`,
      { 'slow.mjs': slow },
    );
    closers.push(() => rm(folder, { recursive: true, force: true }));
    const data = await mkdtemp(join(tmpdir(), 'safetune-chaos-'));
    closers.push(() => rm(data, { recursive: true, force: true }));
    const redis = isOnRedis ? await startRedis() : undefined;
    if (redis !== undefined) closers.push(() => redis.remove());
    const settings = {
      ...{ policy, data, leaseSeconds: 3 },
      ...(redis !== undefined && { redis: redis.url }),
    };
    // The operating system gives it a port, which it has again after each kill.
    let port = 0;
    const server = keepProcess(
      new URL('./chaos-server.ts', import.meta.url),
      () => [JSON.stringify({ ...settings, port, workers: 1 })],
      log,
    );
    closers.push(() => server.close());
    await server.ready();
    const workers = [0, 1].map(() =>
      keepProcess(new URL('./chaos-worker.ts', import.meta.url), () => [JSON.stringify(settings)], log),
    );
    for (const worker of workers) closers.push(() => worker.close());
    const { service, close } = await openServiceWorker(settings, log);
    closers.push(close);
    const { firstKey, address } = server.said as { readonly firstKey: string; readonly address: string };
    port = Number(new URL(address).port);
    const baseURL = `${address}/v1`;
    const operator = new OpenAI({ apiKey: firstKey, baseURL });
    const clients = await Promise.all(
      tenants.map(async (tenant) => {
        const { value } = await operator.post<{ value: string }>('/organization/keys', { body: { tenant } });
        return new OpenAI({ apiKey: value, baseURL, maxRetries: 0 });
      }),
    );
    const accepted: string[] = [];
    const submit = async (client: OpenAI) => {
      const text = answers.map((row) => `${JSON.stringify(row)}\n`).join('');
      const file = await client.files.create({ file: new File([text], 'a.jsonl'), purpose: 'fine-tune' });
      const { id } = await client.fineTuning.jobs.create({ model: 'tiny', training_file: file.id, seed: 5 });
      accepted.push(id);
      return id;
    };
    const allJobs = async () => (await service.records.list('job', { limit: 1000, order: 'asc' })).items;
    const untilAllAreOver = async () => {
      for (;;) {
        const jobs = await allJobs();
        const isTold =
          (await service.records.list('open-job', { limit: 1, order: 'asc' })).items.length === 0;
        if (jobs.every(({ status }) => finalStatuses.has(status)) && isTold) return jobs;
        await pause(200);
      }
    };
    await submit(clients[0]!);
    const [first] = await untilAllAreOver();
    const undisturbed = await whatItCameTo(service, first!);

    const over = new AbortController();
    const twice = new Set<string>();
    const watching = watchForTwice(join(data, 'scratch'), twice, over.signal);
    const traffic = new AbortController();
    const customers = clients.map(async (client, index) => {
      while (!traffic.signal.aborted) {
        const open = (await allJobs()).filter(
          ({ tenant, status }) => tenant === tenants[index] && !finalStatuses.has(status),
        );
        // A server that is killed answers nothing; what it had accepted is found in the records.
        if (open.length < openAtOnce) await submit(client).catch(() => undefined);
        await pause(200);
      }
    });
    const random = randomNumbers(seed);
    const killed: Record<string, number> = {};
    for (let count = 0; count < kills; ) {
      await pause(200 + 2300 * random());
      const kinds = ['server', 'worker', 'worker beside the server', 'job', 'job'];
      if (redis !== undefined) kinds.push('Redis');
      const kind = kinds[Math.floor(random() * kinds.length)]!;
      const which = random();
      if (!(await kill(kind, which))) continue;
      killed[kind] = (killed[kind] ?? 0) + 1;
      count += 1;
      log(`${count}: ${kind}\n`);
    }
    traffic.abort();
    await Promise.all(customers);
    const jobs = await untilAllAreOver();
    over.abort();
    await watching;
    for (const kept of [...workers, server]) await kept.close();
    return {
      kills: killed,
      jobs: jobs.length,
      furtherAttempts: jobs.reduce((sum, { attempt }) => sum + attempt - 1, 0),
      seconds: (performance.now() - began) / 1000,
      damage: [
        ...[...twice].map((id) => `${id} was run twice at once`),
        ...(await findDamage(service, undisturbed, accepted)),
      ],
    };

    /** @returns whether there was one to kill */
    async function kill(kind: string, which: number): Promise<boolean> {
      const kept = kind === 'server' ? server : workers[Math.floor(which * workers.length)]!;
      if (kind === 'Redis') {
        await redis!.stop('SIGKILL');
        await redis!.start();
        return true;
      }
      if (kind === 'server' || kind === 'worker') {
        if (kept.processId === undefined) return false;
        await kept.kill();
        return true;
      }
      const own = [server, ...workers].flatMap(({ processId }) => processId ?? []);
      const program = kind === 'job' ? 'job-process.ts' : 'worker-process.ts';
      const found = descendants(own).filter(({ command }) => command.includes(program));
      const victim = found[Math.floor(which * found.length)];
      if (victim === undefined) return false;
      // A job whose process dies three times without getting further is given up, as it must be.
      if (kind === 'job') {
        const id = await jobOf(join(data, 'scratch'), victim.parent);
        const job = id === undefined ? undefined : await service.records.get('job', id);
        if (job === undefined || (job.crashes ?? 0) >= 2) return false;
      }
      try {
        process.kill(victim.id, 'SIGKILL');
        return true;
      } catch {
        return false;
      }
    }
  } finally {
    for (const close of closers.toReversed()) await close();
  }
}

interface RunningProcess {
  readonly id: number;
  readonly parent: number;
  readonly command: string;
}

function descendants(roots: readonly number[]): readonly RunningProcess[] {
  const all = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' })
    .split('\n')
    .flatMap((line): RunningProcess[] => {
      const [, id, parent, command] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
      return command === undefined ? [] : [{ id: Number(id), parent: Number(parent), command }];
    });
  const found: RunningProcess[] = [];
  let parents = new Set(roots);
  while (parents.size > 0) {
    const children = all.filter(({ parent }) => parents.has(parent));
    found.push(...children);
    parents = new Set(children.map(({ id }) => id));
  }
  return found;
}

interface Room {
  readonly jobId: string;
  readonly folder: string;
}

async function rooms(scratch: string): Promise<readonly Room[]> {
  const names = await readdir(scratch).catch(() => []);
  return names.map((name) => ({
    jobId: /^(.*)-\d+-\w{6}$/.exec(name)?.[1] ?? name,
    folder: join(scratch, name),
  }));
}

/** The job that a worker has in hand. */
async function jobOf(scratch: string, worker: number): Promise<string | undefined> {
  for (const { jobId, folder } of await rooms(scratch)) {
    const owner = await readFile(join(folder, 'owner.json'), 'utf8').catch(() => undefined);
    if (owner !== undefined && (JSON.parse(owner) as ProcessOwner).pid === worker) return jobId;
  }
  return undefined;
}

/** Looks again and again whether two living processes train the same job, by the locks that they hold on their folders. */
async function watchForTwice(scratch: string, twice: Set<string>, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const trained = new Map<string, number>();
    for (const { jobId, folder } of await rooms(scratch)) {
      const names = await readdir(join(folder, 'run')).catch(() => []);
      const lock = names.find((name) => name.endsWith('.lock'));
      const owner = lock && (await readFile(join(folder, 'run', lock), 'utf8').catch(() => undefined));
      if (!owner || !(await isRunning(JSON.parse(owner) as ProcessOwner))) continue;
      const before = trained.get(jobId);
      const { pid } = JSON.parse(owner) as ProcessOwner;
      if (before !== undefined && before !== pid) twice.add(jobId);
      trained.set(jobId, pid);
    }
    await pause(25);
  }
}

async function isRunning(owner: ProcessOwner): Promise<boolean> {
  if (isProcessAlive(owner) === false) return false;
  // One that is dead and of which nobody has heard yet.
  const status = await readFile(`/proc/${owner.pid}/stat`, 'utf8').catch(() => '');
  return !/\) [ZX] /.test(status);
}

/** Between 0 and 1: mulberry32. */
function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
