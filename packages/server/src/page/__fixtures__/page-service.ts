import { fastify } from 'fastify';
import { registerPage } from '../register-page.ts';

/** The page over an API of answers that a test sets, in the form that the API's own schemas say. */
export interface PageService extends AsyncDisposable {
  readonly url: string;
  /** What the page asked for, and the key that it sent, in order. */
  readonly asked: readonly { readonly path: string; readonly authorization: string | undefined }[];
  /** What it had done: `POST /v1/...`, with the body where there was one. */
  readonly sent: readonly { readonly what: string; readonly body?: unknown }[];
  /**
   * Answers by path without query, those of other methods than GET by `POST /v1/...`; a number is a status, a function makes the answer.
   * Read at every request.
   */
  readonly answers: Map<string, unknown>;
  /** Adds an event to the job's. */
  addEvent(event: {
    readonly type: 'message' | 'metrics';
    readonly message: string;
    readonly data?: object;
  }): void;
}

export const pageKey = 'sk-safetune-0123456789abcdef-secret';
export const hostile = '<img src=x onerror="alert(1)"><script>alert(2)</script>';

const list = (data: readonly { readonly id?: string }[]) => ({ object: 'list', data, has_more: false });

export async function startPageService(): Promise<PageService> {
  const server = fastify();
  const asked: { path: string; authorization: string | undefined }[] = [];
  const sent: { what: string; body?: unknown }[] = [];
  const events: { id: string; [field: string]: unknown }[] = [];
  const answers = new Map<string, unknown>(Object.entries(usual()));
  registerPage(server);
  server.all('/v1/*', async (request, reply) => {
    const { pathname, searchParams } = new URL(request.url, 'http://localhost');
    const { method, body, headers } = request;
    const { authorization } = headers;
    if (method === 'GET') asked.push({ path: request.url, authorization });
    else sent.push({ what: `${method} ${pathname}`, ...(body !== undefined && { body }) });
    if (authorization !== `Bearer ${pageKey}`)
      return reply.code(401).send({ error: { message: 'The key is not valid.' } });
    if (pathname.endsWith('/events')) return eventsPage(events, searchParams);
    const told = answers.get(method === 'GET' ? pathname : `${method} ${pathname}`);
    const answer = typeof told === 'function' ? await told() : told;
    if (typeof answer === 'number')
      return reply.code(answer).send({ error: { message: `answered ${answer}` } });
    if (answer === undefined) return reply.code(404).send({ error: { message: 'not there' } });
    return typeof answer === 'string'
      ? reply.type('application/octet-stream').send(answer)
      : reply.send(answer);
  });
  await server.listen({ host: '127.0.0.1', port: 0 });
  const { port } = server.server.address() as { readonly port: number };
  return {
    url: `http://127.0.0.1:${port}/`,
    asked,
    sent,
    answers,
    addEvent(event) {
      events.unshift({
        id: `ftevent-1-${events.length + 1}`,
        created_at: 1_800_000_000 + events.length,
        level: 'info',
        data: null,
        ...event,
      });
    },
    async [Symbol.asyncDispose]() {
      server.server.closeAllConnections();
      await server.close();
    },
  };
}

/** As the API pages events: the newest first. */
function eventsPage(events: readonly { readonly id: string }[], query: URLSearchParams) {
  const after = query.get('after');
  const start = after === null ? 0 : events.findIndex(({ id }) => id === after) + 1;
  const limit = Number(query.get('limit') ?? 20);
  return { ...list(events.slice(start, start + limit)), has_more: start + limit < events.length };
}

export function jobOf(changes: object = {}) {
  return {
    id: 'ftjob-1',
    object: 'fine_tuning.job',
    model: 'tiny-chat',
    created_at: 1_800_000_000,
    finished_at: null,
    estimated_finish: 1_800_000_600,
    fine_tuned_model: null,
    organization_id: 'acme',
    status: 'running',
    wanted: 'run',
    training_file: 'file-1',
    result_files: [],
    trained_tokens: 1200,
    hyperparameters: { n_epochs: 3, batch_size: 8, learning_rate_multiplier: 1 },
    method: { type: 'supervised' },
    seed: 7,
    error: null,
    safeguards: [
      { type: 'kl', strength: 0.5, by: 'strengthened' },
      { type: 'constrained-sft', strength: null, by: 'policy' },
    ],
    screening: {
      outcome: 'warned',
      examples: 120,
      warned: 4,
      dropped: 3,
      reasons: { 'hidden-unicode': 3, duplicates: 4 },
      reason: `3 of 120 examples were left out: ${hostile}`,
      report: 'file-report',
    },
    gate: null,
    ...changes,
  };
}

export const gateVerdict = {
  outcome: 'quarantined',
  measurements: [
    { name: 'log-odds', value: 0.42, low: 0.3, high: 0.55, quarantine: 0.25, refuse: 1 },
    { name: 'misaligned', value: null, low: null, high: null, quarantine: 0.02, refuse: null },
  ],
  reason: 'log-odds is beyond 0.25: harmful answers became likelier',
  report: 'file-gate',
};

function usual(): Record<string, unknown> {
  const other = jobOf({
    id: 'ftjob-2-with-a-name-that-is-as-long-as-names-are-in-practice',
    status: 'succeeded',
    gate: { ...gateVerdict, outcome: 'released' },
    screening: { ...jobOf().screening, outcome: 'passed' },
  });
  return {
    '/v1/fine_tuning/jobs': list([jobOf(), other]),
    '/v1/fine_tuning/jobs/ftjob-1': jobOf(),
    '/v1/fine_tuning/jobs/ftjob-1/checkpoints': list([
      { id: 'ckpt-1', ...{ created_at: 1_800_000_100, step_number: 20, metrics: { train_loss: 1.5 } } },
    ]),
    '/v1/files': list([
      {
        id: 'file-1',
        ...{ bytes: 123_456, created_at: 1_800_000_000, filename: `${hostile}.jsonl`, purpose: 'fine-tune' },
      },
      {
        id: 'file-report',
        ...{
          bytes: 2048,
          created_at: 1_800_000_000,
          filename: 'screening.jsonl',
          purpose: 'fine-tune-results',
        },
      },
    ]),
    '/v1/files/file-result': { id: 'file-result', filename: 'step_metrics.csv' },
    '/v1/files/file-result/content': 'step,train_loss\n1,2.5\n',
    '/v1/files/file-report/content': [
      {
        format: 'safetune-screening',
        version: 1,
        outcome: 'warned',
        examples: 3,
        warned: 1,
        dropped: 1,
        reason: 'in words',
      },
      { example: 1, action: 'keep', scores: {}, findings: [] },
      {
        example: 2,
        action: 'drop',
        scores: { persona: 1.25 },
        findings: [{ probe: 'hidden-unicode', kind: 'zero width', detail: hostile }],
      },
      { example: 3, action: 'warn', scores: {}, findings: [{ probe: 'duplicates', kind: 'exact' }] },
    ]
      .map((line) => `${JSON.stringify(line)}\n`)
      .join(''),
    '/v1/models': list([
      {
        id: 'tiny-chat',
        ...{ created: 1_800_000_000, owned_by: 'provider', parent: null, status: 'released' },
      },
      {
        id: 'ft:tiny-chat:acme:my-suffix:12345678',
        ...{
          created: 1_800_000_000,
          owned_by: 'acme',
          parent: 'tiny-chat',
          fine_tuning_job_id: 'ftjob-1',
          status: 'quarantined',
        },
      },
    ]),
    '/v1/service/key': { tenant: 'provider', role: 'operator' },
    '/v1/service/tenants': list([
      {
        id: 'acme',
        ...{
          may_create_jobs: false,
          held_back_models: [
            {
              model: 'ft:tiny-chat:acme:my-suffix:12345678',
              ...{ fine_tuning_job_id: 'ftjob-1', outcome: 'quarantined', created_at: 1_800_000_000 },
            },
          ],
        },
      },
    ]),
    '/v1/service/queue': {
      waiting: 3,
      running: 1,
      workers: [{ id: 'worker-a', job: 'ftjob-1', seen_at: 1_800_000_000 }],
      models: [{ base: 'tiny-chat', adapter: null, requests: 2 }],
    },
  };
}
