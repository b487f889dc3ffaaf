import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { allRecords } from '../records/all-records.ts';
import type { JobStatus } from '../records/job-record.ts';
import type { AnsweringService } from '../service.ts';
import { heldBackModels } from '../work/held-back.ts';
import { createJobTally } from './tally-jobs.ts';

/** A request that was answered. */
export interface AnsweredRequest {
  readonly method: string;
  /** As the table of routes has it: `/v1/files/{file_id}`; 'unknown' for a path that there is not. */
  readonly route: string;
  readonly status: number;
  readonly seconds: number;
  /** Whether it brought a key that is none. */
  readonly hasWrongKey: boolean;
}

/**
 * What the service tells Prometheus. Its labels are words of the service's own, such as routes and statuses: no id, no tenant and no name
 * of a model that a customer made, so that there are never more series than a page holds.
 */
export interface Metrics {
  readonly contentType: string;
  answered(request: AnsweredRequest): void;
  /** The present values, as Prometheus reads them. */
  text(service: AnsweringService): Promise<string>;
}

const statuses: readonly JobStatus[] = [
  'validating_files',
  'queued',
  'running',
  'paused',
  'succeeded',
  'failed',
  'cancelled',
];
const gateOutcomes = ['released', 'quarantined', 'refused'] as const;
const screeningOutcomes = ['passed', 'warned', 'refused'] as const;
/** All files and models are read for their sizes; so often and no more. */
const filesMilliseconds = 60_000;
const methods = new Set(['GET', 'POST', 'DELETE', 'HEAD', 'PUT', 'PATCH', 'OPTIONS']);

export function createMetrics({ now = () => Date.now() }: { readonly now?: () => number } = {}): Metrics {
  const registers = [new Registry()];
  const registry = registers[0]!;
  collectDefaultMetrics({ register: registry });
  const gauge = (name: string, help: string, labelNames: readonly string[] = []) =>
    new Gauge({ name: `safetune_${name}`, help, labelNames: [...labelNames], registers });
  const counter = (name: string, help: string, labelNames: readonly string[] = []) =>
    new Counter({ name: `safetune_${name}`, help, labelNames: [...labelNames], registers });
  const requests = counter('http_requests_total', 'Requests that were answered.', [
    'method',
    'route',
    'status',
  ]);
  const wrongKeys = counter('wrong_keys_total', 'Requests with a key that is none, by their answer.', [
    'status',
  ]);
  const durations = new Histogram({
    name: 'safetune_http_request_duration_seconds',
    help: 'From the request to the end of its answer; of a stream, to its end.',
    labelNames: ['method', 'route'],
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10, 60, 300],
    registers,
  });
  const jobs = gauge('jobs', 'Jobs of all times by status.', ['status']);
  const gate = counter('gate_verdicts_total', 'What the gate said of finished models.', ['outcome']);
  const screening = counter('screening_verdicts_total', 'What the screen said of training files.', [
    'outcome',
  ]);
  const tokens = counter('trained_tokens_total', 'Tokens that were trained, all jobs together.');
  const steps = counter(
    'trained_steps_total',
    'Steps that were trained, to the last saved state of each job.',
  );
  const waiting = gauge('queue_waiting', 'Jobs that wait for a worker.');
  const running = gauge('queue_running', 'Jobs that a worker has.');
  const workers = gauge('workers', 'Workers that were seen lately.');
  const models = gauge('models_loaded', 'Models in the memory of this server.');
  const chats = gauge('chat_requests', 'Chats that this server answers, or that wait for a model.');
  const heldBack = gauge(
    'tenants_held_back',
    'Tenants that make no jobs until an operator has looked at what the gate held back.',
  );
  const bytes = gauge('stored_bytes', 'Bytes of files, by what they are for, and of models.', ['purpose']);

  let tally: ReturnType<typeof createJobTally> | undefined;
  let filesRead: number | undefined;

  const readFiles = async ({ records }: AnsweringService) => {
    if (filesRead !== undefined && now() - filesRead < filesMilliseconds) return;
    const sums = { 'fine-tune': 0, 'fine-tune-results': 0, models: 0 };
    for await (const file of allRecords(records, 'file')) sums[file.purpose] += file.bytes;
    for await (const model of allRecords(records, 'model')) sums.models += model.bytes ?? 0;
    for (const [purpose, sum] of Object.entries(sums)) bytes.set({ purpose }, sum);
    filesRead = now();
  };

  const refresh = async (service: AnsweringService) => {
    tally ??= createJobTally(service.records);
    const [counts, queued, seen, held] = await Promise.all([
      tally(),
      service.queue.counts(),
      service.queue.workers(),
      tenantsHeldBack(service),
      readFiles(service),
    ]);
    for (const status of statuses) jobs.set({ status }, counts.statuses.get(status) ?? 0);
    // The records are what counts: they are the same for every server, and outlive them.
    for (const each of [gate, screening, tokens, steps]) each.reset();
    for (const outcome of gateOutcomes) gate.inc({ outcome }, counts.gate.get(outcome) ?? 0);
    for (const outcome of screeningOutcomes) screening.inc({ outcome }, counts.screening.get(outcome) ?? 0);
    tokens.inc(counts.trainedTokens);
    steps.inc(counts.trainedSteps);
    waiting.set(queued.waiting);
    running.set(queued.running);
    workers.set(seen.length);
    heldBack.set(held);
    const loaded = service.chat.loaded();
    models.set(loaded.length);
    chats.set(loaded.reduce((sum, model) => sum + model.requests, 0));
  };

  // One after the other: two that read at once would count the same jobs twice.
  let last: Promise<unknown> = Promise.resolve();
  return {
    contentType: registry.contentType,
    answered({ method, route, status, seconds, hasWrongKey }) {
      const labels = { method: methods.has(method) ? method : 'other', route };
      requests.inc({ ...labels, status: String(status) });
      durations.observe(labels, seconds);
      if (hasWrongKey) wrongKeys.inc({ status: String(status) });
    },
    text(service) {
      const text = last
        .catch(() => undefined)
        .then(async () => {
          await refresh(service);
          return registry.metrics();
        });
      last = text;
      return text;
    },
  };
}

async function tenantsHeldBack(service: AnsweringService): Promise<number> {
  const tenants = Map.groupBy(await heldBackModels(service), ({ tenant }) => tenant);
  const most = service.policy.limits.held_back_models;
  return [...tenants.values()].filter(({ length }) => length >= most).length;
}
