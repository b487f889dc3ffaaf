import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { GateVerdict } from '../../gate/gate-verdict.ts';
import type { JobRecord } from '../../records/job-record.ts';
import { finalStatuses } from '../../records/job-record.ts';
import { newId } from '../../records/new-id.ts';
import { unixTime } from '../../records/unix-time.ts';
import type { Service } from '../../service.ts';
import { noteHeldBack } from '../../work/held-back.ts';

/** What a worker does to the records, without training anything. */
export interface FakeWorker {
  /** Lets the jobs that run come to their end. */
  finish(): void;
  close(): Promise<void>;
}

/** @param outcome of the gate, for every job. @param adapterBytes that a model takes. */
export function startFakeWorker(
  service: Service,
  {
    outcome = 'released',
    isPatient = false,
    adapterBytes = 2,
  }: {
    readonly outcome?: 'released' | 'quarantined' | 'refused';
    readonly isPatient?: boolean;
    readonly adapterBytes?: number;
  } = {},
): FakeWorker {
  const stop = new AbortController();
  let isToFinish = !isPatient;
  const name = newId('worker-');

  async function work(): Promise<void> {
    while (true) {
      const lease = await service.queue.take(name, stop.signal);
      if (lease === undefined) return;
      await run(lease.jobId);
      await lease.end('done');
    }
  }

  async function run(id: string): Promise<void> {
    const taken = await service.records.change('job', id, (job) =>
      finalStatuses.has(job.status)
        ? undefined
        : { ...job, status: 'running', attempt: job.attempt + 1, worker: name, startedAt: unixTime() },
    );
    if (taken === undefined) return;
    await tell(id, 'The job runs.');
    for (let step = 1; ; step++) {
      const job = (await service.records.get('job', id))!;
      if (job.wanted !== 'run') return stopAs(job, job.wanted === 'cancel' ? 'cancelled' : 'paused');
      if (step <= 3) await takeStep(id, step);
      else if (isToFinish) return end(job);
      else await sleep(10);
    }
  }

  async function takeStep(id: string, step: number): Promise<void> {
    await service.records.appendEvent(id, {
      ...{ createdAt: unixTime(), level: 'info', type: 'metrics', message: `Step ${step}` },
      data: { step, train_loss: 1 / step },
    });
    const checkpoint = {
      id: newId('ftckpt_'),
      createdAt: unixTime(),
      step,
      metrics: { train_loss: 1 / step },
    };
    await service.records.change('job', id, (job) => ({
      ...job,
      checkpoints: [...job.checkpoints, checkpoint],
    }));
  }

  async function stopAs(job: JobRecord, status: 'cancelled' | 'paused'): Promise<void> {
    await service.records.change('job', job.id, (now) => ({
      ...now,
      status,
      worker: null,
      ...(status === 'cancelled' && { finishedAt: unixTime() }),
    }));
    await tell(job.id, `The job is ${status}.`);
  }

  async function end(job: JobRecord): Promise<void> {
    const { tenant, id } = job;
    const fileId = newId('file-');
    const content = 'step,train_loss\n1,1\n2,0.5\n';
    const { bytes, sha256 } = await service.storage.put(`files/${fileId}`, Readable.from([content]));
    await service.records.insert('file', {
      ...{ id: fileId, tenant, createdAt: unixTime(), filename: 'step_metrics.csv' },
      ...{ purpose: 'fine-tune-results', bytes, sha256, key: `files/${fileId}` },
    });
    const model = `ft:${job.request.model}:${tenant}:${job.request.suffix ?? ''}:${newId('').slice(0, 8)}`;
    const key = `models/${newId('ft-')}`;
    await service.storage.put(`${key}/adapter_config.json`, Readable.from(['x'.repeat(adapterBytes)]));
    await service.records.insert('model', {
      ...{
        id: model,
        tenant,
        createdAt: unixTime(),
        jobId: id,
        base: job.request.model,
        status: outcome,
        key,
        bytes: adapterBytes,
      },
    });
    const gate = fakeVerdict(outcome);
    await noteHeldBack(service.records, { job, model, gate });
    await service.records.change('job', id, (now) => ({
      ...now,
      ...{ status: 'succeeded', finishedAt: unixTime(), trainedTokens: 100, fineTunedModel: model },
      resultFiles: [fileId],
      gate,
    }));
    await tell(id, 'The job is done.');
  }

  async function tell(id: string, message: string): Promise<void> {
    await service.records.appendEvent(id, {
      ...{ createdAt: unixTime(), level: 'info', type: 'message', message, data: null },
    });
  }

  const ended = work();
  return {
    finish() {
      isToFinish = true;
    },
    async close() {
      stop.abort();
      isToFinish = true;
      await ended;
    },
  };
}

/** As if one measurement had decided it. */
function fakeVerdict(outcome: GateVerdict['outcome']): GateVerdict {
  const value = { released: 0.125, quarantined: 0.625, refused: 0.875 }[outcome];
  return {
    outcome,
    measurements: [{ name: 'log-odds', value, low: value, high: value, quarantine: 0.5, refuse: 0.75 }],
    reason: `${outcome}: log-odds ${value}`,
    report: null,
  };
}
