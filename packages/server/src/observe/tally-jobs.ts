import { finalStatuses, type JobRecord, type JobStatus } from '../records/job-record.ts';
import type { Records } from '../records/records.ts';

/** Counts over all jobs that ever were. */
export interface JobCounts {
  readonly statuses: ReadonlyMap<JobStatus, number>;
  /** Verdicts of the gate. */
  readonly gate: ReadonlyMap<string, number>;
  readonly screening: ReadonlyMap<string, number>;
  readonly trainedTokens: number;
  /** Up to the last state that was saved. */
  readonly trainedSteps: number;
}

/**
 * Counts jobs without reading each anew every time: what is over changes no more, so that only jobs that came since, and those that are
 * not over, are read.
 */
export function createJobTally(records: Records): () => Promise<JobCounts> {
  let over = createTotals();
  let open = new Set<string>();
  let last: string | undefined;

  const startAnew = () => {
    over = createTotals();
    open = new Set();
    last = undefined;
  };

  return async () => {
    // A job that is taken back while it is made leaves nothing that a list could go on behind.
    if (last !== undefined && (await records.get('job', last)) === undefined) startAnew();
    for (let isMore = true; isMore; ) {
      const after = last === undefined ? {} : { after: last };
      const page = await records.list('job', { ...after, limit: 1000, order: 'asc' });
      for (const job of page.items) {
        last = job.id;
        if (finalStatuses.has(job.status)) over.add(job);
        else open.add(job.id);
      }
      isMore = page.hasMore;
    }
    const now = createTotals();
    for (const id of open) {
      const job = await records.get('job', id);
      if (job !== undefined && !finalStatuses.has(job.status)) {
        now.add(job);
        continue;
      }
      open.delete(id);
      if (job !== undefined) over.add(job);
    }
    return now.with(over);
  };
}

function createTotals() {
  const statuses = new Map<JobStatus, number>();
  const gate = new Map<string, number>();
  const screening = new Map<string, number>();
  const totals = { statuses, gate, screening, trainedTokens: 0, trainedSteps: 0 };
  return {
    totals,
    add(job: JobRecord) {
      increase(statuses, job.status, 1);
      if (job.gate !== null) increase(gate, job.gate.outcome, 1);
      if (job.screening !== null) increase(screening, job.screening.outcome, 1);
      totals.trainedTokens += job.trainedTokens ?? 0;
      totals.trainedSteps += Math.max(job.state?.step ?? 0, job.checkpoints.at(-1)?.step ?? 0);
    },
    with({ totals: others }: { readonly totals: JobCounts }): JobCounts {
      for (const name of ['statuses', 'gate', 'screening'] as const) {
        const own: Map<string, number> = totals[name];
        for (const [key, count] of others[name]) increase(own, key, count);
      }
      totals.trainedTokens += others.trainedTokens;
      totals.trainedSteps += others.trainedSteps;
      return totals;
    },
  };
}

function increase<Key>(counts: Map<Key, number>, key: Key, by: number): void {
  counts.set(key, (counts.get(key) ?? 0) + by);
}
