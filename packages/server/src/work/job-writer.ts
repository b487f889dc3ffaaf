import { toldVerdict } from '../gate/told-verdict.ts';
import type { FileRecord } from '../records/file-record.ts';
import type { JobEvent } from '../records/job-event.ts';
import { finalStatuses, type JobRecord } from '../records/job-record.ts';
import { unixTime } from '../records/unix-time.ts';
import type { Service } from '../service.ts';
import { clearJob } from './clear-job.ts';
import { noteHeldBack } from './held-back.ts';
import type { JobMessage, ResultFile } from './job-message.ts';

/** The job is no longer this worker's, or is over: nothing more may be written. */
export class JobLostError extends Error {
  constructor(jobId: string) {
    super(`${jobId} is no longer this worker's`);
    this.name = 'JobLostError';
  }
}

export type FinishedModel = Extract<JobMessage, { type: 'finished' }>['model'];

/** Checkpoints that a job's record names; a long run has thousands. */
const mostCheckpoints = 20;

const knownPage = 1000;

/**
 * Writes into the records what becomes of a job, and only while it is this worker's. What an earlier attempt has written already is not
 * written again.
 */
export class JobWriter {
  readonly #service: Service;
  readonly #job: JobRecord;
  readonly #sign: (model: FinishedModel) => Promise<void>;
  readonly #told = new Set<string>();
  #lastStep = 0;

  /**
   * @param job as {@link takeJob} gave it
   * @param sign signs the manifest of a finished job's model, which is in the storage
   */
  constructor(
    service: Service,
    job: JobRecord,
    sign: (model: FinishedModel) => Promise<void> = async () => {},
  ) {
    this.#service = service;
    this.#job = job;
    this.#sign = sign;
  }

  /** Reads what earlier attempts have told. */
  async open(): Promise<void> {
    const { records } = this.#service;
    for (let after: number | undefined; ; ) {
      const options = { limit: knownPage, order: 'asc', ...(after === undefined ? {} : { after }) } as const;
      const { items, hasMore } = await records.events(this.#job.id, options);
      for (const event of items) this.#note(event);
      after = items.at(-1)?.number;
      if (!hasMore || after === undefined) return;
    }
  }

  /** @throws JobLostError */
  async take(
    message: Exclude<JobMessage, { type: 'put' | 'fetch' | 'list' | 'crashed' | 'problem' | 'stopped' }>,
  ): Promise<void> {
    if (message.type === 'event') await this.event(message.event);
    else if (message.type === 'screened') await this.#screened(message);
    else if (message.type === 'state') await this.#state(message);
    else if (message.type === 'result-file') await this.#resultFile(message.file);
    else if (message.type === 'finished') await this.#finished(message);
    else if (message.type === 'failed') await this.fail(message);
    else {
      const { estimatedFinish, trainedTokens } = message;
      await this.change((job) => ({ ...job, estimatedFinish, trainedTokens }));
    }
  }

  /** Tells the owner something, unless an earlier attempt has told it. @throws JobLostError */
  async event(event: Omit<JobEvent, 'number' | 'createdAt'>): Promise<void> {
    if (this.#isKnown(event)) return;
    await this.#append(event);
  }

  /** Tells the owner something that may happen several times. @throws JobLostError */
  async message(message: string, level: JobEvent['level'] = 'info'): Promise<void> {
    await this.#append({ level, type: 'message', message, data: null });
  }

  /**
   * Changes the job while it is this worker's and is not over.
   *
   * @throws JobLostError
   */
  async change(change: (job: JobRecord) => JobRecord): Promise<JobRecord> {
    const changed = await this.#service.records.change('job', this.#job.id, (job) =>
      this.#isOwn(job) ? change(job) : undefined,
    );
    if (changed === undefined) throw new JobLostError(this.#job.id);
    return changed;
  }

  /** @throws JobLostError */
  async fail({
    code,
    message,
    param,
  }: {
    readonly code: string;
    readonly message: string;
    readonly param: string | null;
  }): Promise<void> {
    await this.event({ level: 'error', type: 'message', message: `The job failed: ${message}`, data: null });
    await this.#end((job) => ({ ...job, status: 'failed', error: { code, message, param } }));
  }

  /**
   * Gives the job out of this worker's hands as its owner wants it: paused, cancelled, or to be gone on with by the next worker.
   *
   * @throws JobLostError
   */
  async release(): Promise<JobRecord> {
    const released = await this.change((job) => {
      const free = { ...job, worker: null, estimatedFinish: null };
      if (job.wanted === 'cancel')
        return { ...free, status: 'cancelled', state: null, finishedAt: unixTime() };
      return { ...free, status: job.wanted === 'pause' ? 'paused' : 'queued' };
    });
    const said = { cancelled: 'The job was cancelled.', paused: 'The job is paused.' } as const;
    if (released.status === 'cancelled' || released.status === 'paused')
      await this.#service.records.appendEvent(this.#job.id, {
        ...{ createdAt: unixTime(), level: 'info', type: 'message', data: null },
        message: said[released.status],
      });
    if (released.status === 'cancelled') await clearJob(this.#service, released);
    return released;
  }

  async #screened({ verdict }: Extract<JobMessage, { type: 'screened' }>): Promise<void> {
    const level = verdict.outcome === 'passed' ? 'info' : 'warn';
    await this.event({ level, type: 'message', message: `Screening: ${verdict.reason}`, data: null });
    await this.change((job) => ({ ...job, status: 'running', screening: verdict }));
  }

  async #state({ state, checkpoints }: Extract<JobMessage, { type: 'state' }>): Promise<void> {
    let before: JobRecord['state'] = null;
    await this.change((job) => {
      before = job.state;
      const known = new Set(job.checkpoints.map(({ step }) => step));
      const found = checkpoints.filter(({ step }) => !known.has(step));
      return {
        ...job,
        state,
        // It got further: what died before that counts no more.
        crashes: 0,
        abandoned: 0,
        checkpoints: [
          ...job.checkpoints,
          ...found.map((checkpoint) => ({ ...checkpoint, createdAt: unixTime() })),
        ].slice(-mostCheckpoints),
      };
    });
    const old = before as JobRecord['state'];
    if (old !== null && old.key !== state.key) await this.#service.storage.remove(`${old.key}/`);
  }

  async #resultFile(file: ResultFile): Promise<void> {
    const { records, storage } = this.#service;
    await this.#requireOwn();
    const { id, ...facts } = file;
    const known = await records.get('file', id);
    if (known === undefined) {
      const record: FileRecord = {
        ...file,
        tenant: this.#job.tenant,
        createdAt: unixTime(),
        purpose: 'fine-tune-results',
      };
      await records.insert('file', record);
    } else if (known.key !== file.key) {
      await records.change('file', id, (record) => ({ ...record, ...facts }));
      await storage.remove(known.key);
    }
    await this.change((job) =>
      job.resultFiles.includes(id) ? job : { ...job, resultFiles: [...job.resultFiles, id] },
    );
  }

  async #finished({ gate, model, trainedTokens }: Extract<JobMessage, { type: 'finished' }>): Promise<void> {
    const { records, storage } = this.#service;
    await this.#requireOwn();
    await this.#sign(model);
    const known = await records.get('model', model.id);
    if (known === undefined)
      await records.insert('model', { ...model, tenant: this.#job.tenant, createdAt: unixTime() });
    else if (known.key !== model.key) {
      await records.change('model', model.id, (record) => ({ ...record, ...model }));
      await storage.remove(`${known.key}/`);
    }
    // Before its owner is told anything of it.
    await noteHeldBack(records, { job: this.#job, model: model.id, gate });
    const { reason } = toldVerdict(gate);
    const isRefused = gate.outcome === 'refused';
    const level = gate.outcome === 'released' ? 'info' : isRefused ? 'error' : 'warn';
    const tell = (message: string, told: JobEvent['level']) =>
      this.event({ level: told, type: 'message', message, data: null });
    await tell(`Gate: ${reason}`, level);
    if (isRefused) {
      // Nothing else names it.
      await tell(`The model takes room until it is deleted: ${model.id}`, 'info');
      await tell('The job failed: the gate refused its model', level);
    } else await tell('The job has successfully completed', 'info');
    await this.#end((job) => ({
      ...job,
      gate,
      trainedTokens,
      ...(isRefused
        ? {
            status: 'failed',
            error: {
              code: 'model_refused',
              message: `the gate refused the model: ${reason}`,
              param: null,
            },
          }
        : { status: 'succeeded', fineTunedModel: model.id }),
    }));
  }

  /** What is stored for going on is of no more use. */
  async #end(change: (job: JobRecord) => JobRecord): Promise<void> {
    const over = await this.change((job) => ({
      ...change(job),
      state: null,
      worker: null,
      estimatedFinish: null,
      finishedAt: unixTime(),
    }));
    await clearJob(this.#service, over);
  }

  async #append(event: Omit<JobEvent, 'number' | 'createdAt'>): Promise<void> {
    await this.#requireOwn();
    this.#note(event);
    await this.#service.records.appendEvent(this.#job.id, { ...event, createdAt: unixTime() });
  }

  #isKnown({ type, message, data }: Omit<JobEvent, 'number' | 'createdAt'>): boolean {
    return type === 'metrics' ? Number(data?.step) <= this.#lastStep : this.#told.has(message);
  }

  #note({ type, message, data }: Omit<JobEvent, 'number' | 'createdAt'>): void {
    if (type === 'metrics') this.#lastStep = Math.max(this.#lastStep, Number(data?.step));
    else this.#told.add(message);
  }

  #isOwn(job: JobRecord): boolean {
    return (
      job.attempt === this.#job.attempt && job.worker === this.#job.worker && !finalStatuses.has(job.status)
    );
  }

  async #requireOwn(): Promise<void> {
    const job = await this.#service.records.get('job', this.#job.id);
    if (job === undefined || !this.#isOwn(job)) throw new JobLostError(this.#job.id);
  }
}
