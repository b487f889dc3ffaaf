/** Jobs that are paused, cancelled, killed and taken away end in the very bytes of one that was left alone, and nothing of them is twice. */
import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { Lease } from '../queue/queue.ts';
import { answer, answers, type JobWorld, openJobWorld } from './__fixtures__/job-world.ts';
import { startWorkers } from './worker-processes.ts';

let world: JobWorld;
let file: string;
/** Of the job that was left alone. */
let undisturbed: { readonly adapter: Buffer; readonly steps: number };

beforeAll(async () => {
  world = await openJobWorld({ milliseconds: 30 });
  file = await world.upload(answers);
  const worker = world.startWorker();
  const { id } = await world.createJob({ training_file: file });
  await world.untilOver(id);
  await worker.stop();
  undisturbed = {
    adapter: await world.modelFile(id, 'adapter_model.safetensors'),
    steps: (await world.events(id)).filter(({ type }) => type === 'metrics').length,
  };
  expect(undisturbed.steps).toBeGreaterThan(12);
});
afterAll(() => world.close());

/** The process that trains, by the lock that it has put into the folder of its run. */
async function trainingProcess(): Promise<number> {
  const scratch = join(world.folder, 'scratch');
  const [room] = readdirSync(scratch);
  const folder = join(scratch, room!, 'run');
  const lock = readdirSync(folder).find((name) => name.endsWith('.lock'));
  return JSON.parse(await readFile(join(folder, lock!), 'utf8')).pid as number;
}

/** What any job must be that was done in spite of everything. */
async function requireWhole(id: string): Promise<void> {
  const job = await world.untilOver(id);
  expect(job.error).toBeNull();
  expect(job.status).toBe('succeeded');
  expect((await world.modelFile(id, 'adapter_model.safetensors')).equals(undisturbed.adapter)).toBe(true);
  const events = await world.events(id);
  const steps = events.flatMap(({ type, data }) => (type === 'metrics' ? [data?.step] : []));
  expect(steps).toEqual(Array.from({ length: undisturbed.steps }, (_, index) => index + 1));
  const messages = events.map(({ message }) => message).filter((message) => !/^The job /.test(message));
  expect(messages).toEqual([...new Set(messages)]);
  expect(new Set(job.checkpoints.map(({ step }) => step)).size).toBe(job.checkpoints.length);
  expect(job.resultFiles).toHaveLength(3);
  const { items } = await world.service.records.list('model', { limit: 1000, order: 'asc' });
  const models = items.filter(({ jobId }) => jobId === id);
  expect(models).toHaveLength(1);
  // What dead attempts have left is in the way of nobody, but is cleared away.
  const stored = await world.stored();
  expect(stored.filter((key) => key.startsWith(`jobs/${id}/`))).toEqual([]);
  expect(
    stored.filter((key) => key.startsWith(`models/${id}/`) && !key.startsWith(`${models[0]!.key}/`)),
  ).toEqual([]);
}

describe('a job', () => {
  it('that is paused and resumed goes on where it was', async () => {
    const worker = world.startWorker();
    const { id } = await world.createJob({ training_file: file });
    await world.untilStep(id, 4);
    await world.service.records.change('job', id, (job) => ({ ...job, wanted: 'pause' }));
    const paused = await world.until(id, ({ status }) => status === 'paused');
    expect(paused.worker).toBeNull();
    expect(paused.state!.step).toBeGreaterThanOrEqual(4);
    expect(paused.state!.step).toBeLessThan(undisturbed.steps);
    await world.until(id, async () => !(await world.service.queue.has(id)));
    await world.service.records.change('job', id, (job) => ({ ...job, wanted: 'run', status: 'queued' }));
    await world.service.queue.add(id, 0);
    await requireWhole(id);
    expect((await world.events(id)).map(({ message }) => message)).toContain(
      `The job goes on after step ${paused.state!.step}.`,
    );
    await worker.stop();
  });

  it('that is cancelled stops between two steps, and leaves nothing', async () => {
    const worker = world.startWorker();
    const { id } = await world.createJob({ training_file: file });
    await world.untilStep(id, 4);
    await world.service.records.change('job', id, (job) => ({ ...job, wanted: 'cancel' }));
    const job = await world.untilOver(id);
    expect(job).toMatchObject({ status: 'cancelled', state: null, worker: null, fineTunedModel: null });
    await worker.stop();
    expect(await world.service.queue.has(id)).toBe(false);
    expect((await world.stored()).filter((key) => key.includes(id))).toEqual([]);
    expect(readdirSync(join(world.folder, 'scratch'))).toEqual([]);
  });

  it('whose worker is stopped goes back to its place with its state', async () => {
    const worker = world.startWorker();
    const { id } = await world.createJob({ training_file: file });
    await world.untilStep(id, 5);
    await worker.stop();
    const job = await world.job(id);
    expect(job).toMatchObject({ status: 'queued', worker: null, crashes: 0 });
    expect(job.state!.step).toBeGreaterThanOrEqual(5);
    expect(await world.service.queue.counts()).toEqual({ waiting: 1, running: 0 });
    const next = world.startWorker();
    await requireWhole(id);
    await next.stop();
  });

  it('that brings its process down again and again is given up', async () => {
    const worker = world.startWorker();
    const { id } = await world.createJob({
      training_file: await world.upload([...answers, answer(1, 'crash')]),
    });
    const job = await world.untilOver(id);
    expect(job).toMatchObject({ status: 'failed', attempt: 3, crashes: 3, error: { code: 'server_error' } });
    expect(job.error!.message).toContain('died 3 times');
    await worker.stop();
    expect(worker.problems.filter((problem) => problem.includes('SIGKILL'))).toHaveLength(3);
  });

  it('whose lease is lost is written to by its next worker alone', async () => {
    const { queue } = world.service;
    const losing = new AbortController();
    let held: Lease | undefined;
    const first = world.startWorker(
      {},
      {
        ...{ add: queue.add.bind(queue), has: queue.has.bind(queue), remove: queue.remove.bind(queue) },
        ...{
          counts: queue.counts.bind(queue),
          workers: queue.workers.bind(queue),
          close: queue.close.bind(queue),
        },
        async take(worker, signal) {
          held = await queue.take(worker, signal);
          return held && { jobId: held.jobId, lost: losing.signal, end: async () => {} };
        },
      },
    );
    const { id } = await world.createJob({ training_file: file });
    await world.untilStep(id, 4);
    losing.abort();
    const [{ worker }, events] = [await world.job(id), await world.events(id)];
    await first.stop();
    expect(readdirSync(join(world.folder, 'scratch'))).toEqual([]);
    // The step that was being told at that moment may still come; what becomes of the job is said by whoever has it next.
    expect(await world.job(id)).toMatchObject({ attempt: 1, status: 'running', worker });
    const later = await world.events(id);
    expect(later.slice(0, events.length)).toEqual(events);
    expect(later.slice(events.length).map(({ type }) => type)).toEqual(
      later.length > events.length ? ['metrics'] : [],
    );
    await held!.end('again');
    const second = world.startWorker();
    await requireWhole(id);
    expect((await world.job(id)).attempt).toBe(2);
    await second.stop();
  });
});

describe('killed without a word', () => {
  const program = new URL('./__fixtures__/folder-worker.ts', import.meta.url);
  const options = { program, restartMilliseconds: 50 };

  it.each([2, 8])('the process of a job alone, after step %i', async (step) => {
    const worker = world.startWorker();
    const { id } = await world.createJob({ training_file: file });
    await world.untilStep(id, step);
    process.kill(await trainingProcess(), 'SIGKILL');
    await requireWhole(id);
    expect(await world.job(id)).toMatchObject({ attempt: 2, worker: null });
    await worker.stop();
    expect(worker.problems).toHaveLength(1);
    expect(worker.problems[0]).toContain('SIGKILL');
  });

  it.each([1, 9])('a worker, and with it the process of its job, after step %i', async (step) => {
    const workers = startWorkers(1, { ...options, arguments: [world.folder, 'killed'] });
    onTestFinished(() => workers.close());
    const { id } = await world.createJob({ training_file: file });
    await world.untilStep(id, step);
    const [pid] = workers.processIds();
    process.kill(pid!, 'SIGKILL');
    await requireWhole(id);
    expect((await world.job(id)).attempt).toBe(2);
  });
});

it('workers beside a server open the same stores, and put their jobs back when it closes', async () => {
  const settings = { data: world.folder, policy: join(world.folder, 'policy.yaml') };
  const workers = startWorkers(1, { settings });
  onTestFinished(() => workers.close());
  const { id } = await world.createJob({ training_file: file });
  await world.untilStep(id, 3);
  await workers.close();
  expect(workers.processIds()).toEqual([]);
  expect(await world.job(id)).toMatchObject({ status: 'queued', worker: null, attempt: 1 });
  const last = world.startWorker();
  await requireWhole(id);
  await last.stop();
});

it('keeps the way in which its steps are run before the first of them is over', async () => {
  const slowWorld = await openJobWorld({ milliseconds: 400 });
  try {
    const worker = slowWorld.startWorker();
    const { id } = await slowWorld.createJob({ training_file: await slowWorld.upload(answers) });
    const { state } = await slowWorld.until(id, (job) => job.state?.key.endsWith('/started') === true);
    const note = await text(await slowWorld.service.storage.read(`${state!.key}/note.json`));
    expect(JSON.parse(note)).toMatchObject({ memory: 'whole' });
    expect(state!.step).toBe(0);
    await worker.stop();
  } finally {
    await slowWorld.close();
  }
});
