import { randomUUID } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { openSigningKey } from '../../evidence/signing-key.ts';
import { policyFolder, tinyCheckpoint } from '../../policy/__fixtures__/policy-folder.ts';
import { jobRequestSchema } from '../../policy/job-request.ts';
import { planJob } from '../../policy/plan-job.ts';
import type { Queue } from '../../queue/queue.ts';
import type { JobEvent } from '../../records/job-event.ts';
import { finalStatuses, type JobRecord } from '../../records/job-record.ts';
import { newId } from '../../records/new-id.ts';
import { unixTime } from '../../records/unix-time.ts';
import type { Service } from '../../service.ts';
import { runWorker } from '../worker.ts';
import type { RunWorkerOptions } from '../worker-options.ts';
import { closeService, openServiceFolder } from './service-folder.ts';

/** A safeguard of the provider's own that does nothing but take its time after each step, so that there is time to disturb a run. */
export const slow = `export default ({ milliseconds = 0 }) => ({
  name: 'slow', config: {},
  afterStep: () => new Promise((resolve) => setTimeout(resolve, milliseconds)),
});`;

export const policyText = (milliseconds: number) => `models:
  tiny: {path: ${tinyCheckpoint}}
limits: {examples: 40, tokens: 20000}
training: {rank: 4, learning_rate: 0.01, max_length: 64, epochs: 2, batch_size: 2, checkpoint_every: 3, threads: 1}
safeguards:
  mandatory:
    - {type: interleaving, pool: safe.jsonl, share: 0.2}
    - {type: kl, weight: 0.1}
    - {type: parameter-averaging, decay: 0.9}
    - {type: ./slow.mjs, milliseconds: ${milliseconds}}
`;

export const answer = (index: number, text = `answer ${(index * 7) % 16} and more`) => ({
  messages: [
    { role: 'user', content: `question ${index}` },
    { role: 'assistant', content: text },
  ],
});

export const answers = Array.from({ length: 14 }, (_, index) => answer(index));

/** A service in a folder of its own, whose jobs are tiny. */
export interface JobWorld {
  readonly folder: string;
  readonly service: Service;
  /** Uploads a file. @returns its id */
  upload(content: string | readonly object[], tenant?: string): Promise<string>;
  /** Makes a job as the API does, and queues it. */
  createJob(request: object, tenant?: string): Promise<JobRecord>;
  /** Starts a worker in this process, perhaps with another queue; closing the world ends it. */
  startWorker(
    options?: Partial<RunWorkerOptions>,
    queue?: Queue,
  ): {
    stop(): Promise<void>;
    readonly problems: readonly string[];
  };
  job(id: string): Promise<JobRecord>;
  events(id: string): Promise<readonly JobEvent[]>;
  /** Waits until a job is as is asked for. */
  until(id: string, isSo: (job: JobRecord) => boolean | Promise<boolean>): Promise<JobRecord>;
  /** Waits until a job is over, and its worker has cleared up after it. */
  untilOver(id: string): Promise<JobRecord>;
  /** Waits until the metrics of a step have been told. */
  untilStep(id: string, step: number): Promise<void>;
  /** Of the model that a job has made, by the name of the file. */
  modelFile(id: string, name: string): Promise<Buffer>;
  stored(): Promise<readonly string[]>;
  close(): Promise<void>;
}

export async function openJobWorld({
  milliseconds = 0,
  policy = policyText(milliseconds),
  prepare = async () => {},
}: {
  readonly milliseconds?: number;
  readonly policy?: string;
  /** Puts into the folder what the policy names besides. */
  readonly prepare?: (folder: string) => Promise<void>;
} = {}): Promise<JobWorld> {
  const { folder } = await policyFolder(policy, { 'slow.mjs': slow });
  await prepare(folder);
  const service = await openServiceFolder(folder);
  const { records, queue, storage } = service;
  const signingKey = await openSigningKey(join(folder, 'keys'));
  const workers = new Set<() => Promise<void>>();
  const job = async (id: string) => (await records.get('job', id))!;
  const events = async (id: string) => (await records.events(id, { limit: 1000, order: 'asc' })).items;
  const until: JobWorld['until'] = async (id, isSo) => {
    for (;;) {
      const now = await job(id);
      if (await isSo(now)) return now;
      await pause(20);
    }
  };
  return {
    folder,
    service,
    job,
    events,
    until,
    untilOver: (id) => until(id, async ({ status }) => finalStatuses.has(status) && !(await queue.has(id))),
    async untilStep(id, step) {
      await until(id, async () => (await events(id)).some(({ data }) => Number(data?.step) >= step));
    },
    async upload(content, tenant = 'one') {
      const path = join(folder, `upload-${randomUUID()}`);
      const text =
        typeof content === 'string' ? content : content.map((row) => `${JSON.stringify(row)}\n`).join('');
      await writeFile(path, text);
      const id = newId('file-');
      const key = `files/${id}`;
      const { bytes, sha256 } = await storage.put(key, path);
      const facts = { id, tenant, key, bytes, sha256, createdAt: unixTime() };
      await records.insert('file', { ...facts, filename: 'train.jsonl', purpose: 'fine-tune' });
      return id;
    },
    async createJob(request, tenant = 'one') {
      const parsed = jobRequestSchema.parse({ model: 'tiny', seed: 5, ...request });
      const made: JobRecord = {
        ...{ id: newId('ftjob-'), tenant, createdAt: unixTime(), request: parsed },
        ...{ startedAt: null, finishedAt: null, estimatedFinish: null, status: 'queued', wanted: 'run' },
        plan: planJob(service.policy, parsed),
        ...{ attempt: 0, worker: null, state: null, trainedTokens: null, screening: null, gate: null },
        ...{ fineTunedModel: null, resultFiles: [], checkpoints: [], error: null },
      };
      await records.insert('job', made);
      await queue.add(made.id, 0);
      return made;
    },
    startWorker(options = {}, instead = queue) {
      const stopping = new AbortController();
      const problems: string[] = [];
      const running = runWorker(
        { ...service, queue: instead },
        {
          id: `worker-${randomUUID()}`,
          scratch: join(folder, 'scratch'),
          signingKey: async () => signingKey,
          jobProgram: new URL('./stand-in-job-process.ts', import.meta.url),
          pollMilliseconds: 50,
          onProblem: (problem) => problems.push(problem),
          ...options,
          signal: stopping.signal,
        },
      );
      const stop = async () => {
        stopping.abort();
        await running;
        workers.delete(stop);
      };
      workers.add(stop);
      return { stop, problems };
    },
    async modelFile(id, name) {
      const model = (await records.get('model', (await job(id)).fineTunedModel!))!;
      const path = join(folder, `fetched-${randomUUID()}`);
      await storage.fetch(`${model.key}/${name}`, path);
      return readFile(path);
    },
    stored: () => storage.list(''),
    async close() {
      for (const stop of workers) await stop();
      await closeService(service);
      await rm(folder, { recursive: true, force: true });
    },
  };
}
