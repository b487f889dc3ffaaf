import { expect, it } from 'vitest';
import { startFakeWorker } from '../service/__fixtures__/fake-worker.ts';
import {
  openTestService,
  type TestService,
  trainingFile,
  until,
} from '../service/__fixtures__/test-service.ts';
import type { ErrorBody } from './openai-error.ts';
import { apiRoutes } from './routes.ts';

// Made of the document that the server gives, as whoever attacks it would.

interface Operation {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly access: 'public' | 'key' | 'operator';
  readonly upload: boolean;
}

async function operationsOf({ address }: TestService): Promise<readonly Operation[]> {
  const document = (await (await fetch(`${address}/openapi.json`)).json()) as {
    readonly openapi: string;
    readonly paths: Record<string, Record<string, never>>;
  };
  expect(document.openapi).toBe('3.1.0');
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(
      methods as Record<string, { operationId: string; 'x-access': never; requestBody?: object }>,
    ).map(([method, operation]) => ({
      name: operation.operationId,
      method: method.toUpperCase(),
      path,
      access: operation['x-access'],
      upload: JSON.stringify(operation.requestBody ?? {}).includes('multipart/form-data'),
    })),
  );
}

/** Bodies that are right but for whose things they name. */
const bodies: Readonly<Record<string, (ids: Record<string, string>) => unknown>> = {
  createFineTuningJob: ({ file_id }) => ({ model: 'tiny', training_file: file_id }),
  previewFineTuningFile: ({ file_id }) => ({ model: 'tiny', training_file: file_id }),
  estimateFineTuningJob: ({ file_id }) => ({ model: 'tiny', training_file: file_id }),
  createChatCompletion: ({ model }) => ({ model, messages: [{ role: 'user', content: 'x' }] }),
  createKey: () => ({ tenant: 'two' }),
  createWebhookEndpoint: () => ({
    ...{ name: 'x', url: 'http://127.0.0.1:9/', event_types: ['fine_tuning.job.failed'] },
  }),
  testWebhookEndpoint: () => ({ event_type: 'fine_tuning.job.failed' }),
};

function call(
  service: TestService,
  operation: Operation,
  key: string | undefined,
  ids: Record<string, string>,
) {
  const path = operation.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => ids[name] ?? 'unknown');
  const hasBody = operation.method === 'POST';
  const form = new FormData();
  form.set('file', trainingFile());
  form.set('purpose', 'fine-tune');
  const body = operation.upload ? form : JSON.stringify(bodies[operation.name]?.(ids) ?? {});
  return service.fetch(path, key, {
    method: operation.method,
    ...(hasBody && { body, headers: operation.upload ? {} : { 'content-type': 'application/json' } }),
  });
}

/** Something of each kind that is a tenant's. */
async function idsOf(service: TestService, tenant: string): Promise<Record<string, string>> {
  const client = await service.client(tenant);
  const worker = startFakeWorker(service.service);
  const file = await client.files.create({ file: trainingFile(), purpose: 'fine-tune' });
  const job = await client.fineTuning.jobs.create({ model: 'tiny', training_file: file.id });
  await until(async () => (await client.fineTuning.jobs.retrieve(job.id)).status === 'succeeded');
  await worker.close();
  const webhook = await client.webhooks.create({
    ...{ name: 'x', url: 'http://127.0.0.1:9/', event_types: ['fine_tuning.job.failed'] },
  });
  const { items } = await service.service.records.list('key', { tenant, limit: 1, order: 'asc' });
  return {
    file_id: file.id,
    fine_tuning_job_id: job.id,
    model: (await client.fineTuning.jobs.retrieve(job.id)).fine_tuned_model!,
    webhook_endpoint_id: webhook.id,
    key_id: items[0]!.id,
  };
}

it('describes every route, and opens none without the right key', async () => {
  const service = await openTestService('limits: {wrong_keys_per_minute: 10000}');
  const operations = await operationsOf(service);
  expect(operations).toHaveLength(apiRoutes.length + 1);
  const ids = await idsOf(service, 'one');
  const right = await service.key('one');
  const ended = await service.key('one', { expiresAt: Math.floor(Date.now() / 1000) });
  const wrong = [
    undefined,
    '',
    'x',
    'sk-safetune-',
    `${right.slice(0, -1)}${right.endsWith('a') ? 'b' : 'a'}`,
    right.replace(/-[^-]*$/, ''),
    `${right} `.repeat(2),
    ended,
    'sk-safetune-__proto__',
  ];
  for (const operation of operations.filter(({ access }) => access !== 'public')) {
    for (const key of wrong) {
      const response = await call(service, operation, key, ids);
      expect(response.status, `${operation.name} with ${key}`).toBe(401);
      const { error } = (await response.json()) as ErrorBody;
      expect(error.type).toBe('authentication_error');
    }
    for (const scheme of ['Basic', 'bearer:', 'Token']) {
      const headers = { authorization: `${scheme} ${right}` };
      const response = await service.fetch('/v1/files', undefined, { headers });
      expect(response.status).toBe(401);
    }
  }
});

it("opens an operator's routes to no customer", async () => {
  const service = await openTestService();
  const ids = await idsOf(service, 'one');
  const key = await service.key('one');
  const operations = (await operationsOf(service)).filter(({ access }) => access === 'operator');
  expect(operations.map(({ name }) => name).sort()).toEqual([
    ...[
      'createKey',
      'deleteKey',
      'downloadFineTuningJobAnswers',
      'downloadFineTuningJobGateReport',
      'listKeys',
      'listTenantsHeldBack',
      'readmitTenant',
      'refuseModel',
      'releaseModel',
      'retrieveQueue',
      'rotateKey',
    ],
  ]);
  for (const operation of operations) {
    const response = await call(service, operation, key, ids);
    expect(response.status, operation.name).toBe(403);
    expect(((await response.json()) as ErrorBody).error.code).toBe('operator_key_required');
  }
  expect((await service.service.records.list('key', { limit: 100, order: 'asc' })).items).toHaveLength(2);
});

it('has nothing of one tenant for another: as if it had never been', async () => {
  const service = await openTestService();
  const ids = await idsOf(service, 'one');
  const foreign = await service.key('two');
  const own = await service.key('one');
  const operations = (await operationsOf(service)).filter(({ access }) => access === 'key');
  const never = Object.fromEntries(
    Object.entries(ids).map(([name, id]) => [name, id.replace(/[0-9A-Za-z]{8}$/, 'neverwas')]),
  );
  let named = 0;
  for (const operation of operations) {
    const isNamed = /\{/.test(operation.path) || bodies[operation.name]?.length === 1;
    if (isNamed) named += 1;
    const response = await call(service, operation, foreign, ids);
    const text = await response.text();
    for (const id of Object.values(ids)) {
      // An error says back which id was asked for, no more.
      if (response.ok) expect(text, operation.name).not.toContain(id);
    }
    if (!isNamed) continue;
    expect([400, 404], operation.name).toContain(response.status);
    const absent = await call(service, operation, foreign, never);
    const withoutIds = (said: string, of: Record<string, string>) =>
      Object.values(of).reduce((left, id) => left.replaceAll(id, 'ID'), said);
    expect(absent.status, operation.name).toBe(response.status);
    expect(withoutIds(await absent.text(), never)).toBe(withoutIds(text, ids));
  }
  expect(named).toBe(23);
  // All of it is still there.
  const job = await (await service.fetch(`/v1/fine_tuning/jobs/${ids.fine_tuning_job_id}`, own)).json();
  expect(job).toMatchObject({ status: 'succeeded', wanted: 'run' });
  for (const path of [
    `/v1/files/${ids.file_id}`,
    `/v1/models/${ids.model}`,
    `/v1/webhook_endpoints/${ids.webhook_endpoint_id}`,
  ]) {
    expect((await service.fetch(path, own)).status).toBe(200);
  }
});

it('shows the operator everything, and has them decide on what is held back', async () => {
  const service = await openTestService();
  const worker = startFakeWorker(service.service, { outcome: 'quarantined' });
  const customer = await service.client('one');
  const file = await customer.files.create({ file: trainingFile(), purpose: 'fine-tune' });
  const { id } = await customer.fineTuning.jobs.create({ model: 'tiny', training_file: file.id });
  await until(async () => (await customer.fineTuning.jobs.retrieve(id)).status === 'succeeded');
  await worker.close();
  const model = (await customer.fineTuning.jobs.retrieve(id)).fine_tuned_model!;
  await expect(customer.models.retrieve(model)).rejects.toMatchObject({ status: 404 });
  expect((await customer.models.list()).data.map((one) => one.id)).toEqual(['tiny']);
  const ask = { model, messages: [{ role: 'user' as const, content: 'x' }] };
  await expect(customer.chat.completions.create(ask)).rejects.toMatchObject({
    ...{ status: 403, code: 'model_quarantined' },
  });
  const operator = await service.client('provider', { role: 'operator' });
  expect((await operator.models.retrieve(model)) as unknown).toMatchObject({ status: 'quarantined' });
  expect((await operator.files.list()).data).toHaveLength(2);
  const release = `/fine_tuning/models/${encodeURIComponent(model)}/release`;
  expect(await operator.post(release, { body: { reason: 'looked at' } })).toMatchObject({
    status: 'released',
  });
  await expect(operator.post(release, { body: {} })).rejects.toMatchObject({ code: 'model_not_quarantined' });
  expect((await customer.chat.completions.create(ask)).choices[0]!.message.content).toBe('x');
  const events = await customer.fineTuning.jobs.listEvents(id);
  expect(events.data[0]!.message).toBe('The operator released the model: looked at');
  // Whose data is trained on is whose model it is.
  const theirs = operator.fineTuning.jobs.create({ model: 'tiny', training_file: file.id });
  await expect(theirs).rejects.toMatchObject({ status: 400, code: 'file_not_found' });
});

it('makes keys, shows them once, rotates and revokes them', async () => {
  const service = await openTestService();
  const operator = await service.key('provider', { role: 'operator' });
  const json = async (path: string, method = 'GET', body?: unknown) => {
    const init = {
      method,
      ...(body !== undefined && {
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json' },
      }),
    };
    const response = await service.fetch(path, operator, init);
    // biome-ignore lint/suspicious/noExplicitAny: whatever is answered
    return { status: response.status, ...((await response.json()) as any) };
  };
  const opens = async (key: string) => (await service.fetch('/v1/files', key)).status === 200;
  expect(await json('/v1/service/key')).toMatchObject({ tenant: 'provider', role: 'operator' });
  const made = await json('/v1/organization/keys', 'POST', {
    tenant: 'new',
    name: 'ci',
    expires_in_seconds: 100,
  });
  expect(made).toMatchObject({ tenant: 'new', role: 'customer', name: 'ci' });
  expect(await opens(made.value)).toBe(true);
  const { status: _, value, ...kept } = made;
  expect(await (await service.fetch('/v1/service/key', value)).json()).toEqual(kept);
  const listed = JSON.stringify(await json('/v1/organization/keys'));
  expect(listed).toContain(made.id);
  expect(listed).not.toContain(made.value);
  expect(listed).not.toMatch(/[0-9a-f]{64}/);
  expect(JSON.stringify(await service.service.records.get('key', made.id))).not.toContain(made.value);
  const both = await json(`/v1/organization/keys/${made.id}/rotate`, 'POST', { keep_old_for_seconds: 50 });
  expect([await opens(made.value), await opens(both.value)]).toEqual([true, true]);
  expect(both.expires_at).toBe(made.expires_at);
  const next = await json(`/v1/organization/keys/${both.id}/rotate`, 'POST', {});
  expect([await opens(both.value), await opens(next.value)]).toEqual([false, true]);
  expect(await json(`/v1/organization/keys/${next.id}`, 'DELETE')).toMatchObject({ deleted: true });
  expect(await opens(next.value)).toBe(false);
  const own = (await json('/v1/organization/keys?order=asc')).data[0].id;
  expect(await json(`/v1/organization/keys/${own}`, 'DELETE')).toMatchObject({
    ...{ status: 400, error: { code: 'last_operator_key' } },
  });
  expect(await opens(operator)).toBe(true);
});

it('counts requests by key, and says when to come again', async () => {
  const service = await openTestService('limits: {requests_per_minute: 3}');
  const [one, other, more] = [
    await service.key('one'),
    await service.key('one'),
    await service.key('one', { requestsPerMinute: 5 }),
  ];
  const statuses = async (key: string, times: number) => {
    const found: number[] = [];
    for (let time = 0; time < times; time++) found.push((await service.fetch('/v1/files', key)).status);
    return found;
  };
  expect(await statuses(one, 4)).toEqual([200, 200, 200, 429]);
  expect(await statuses(other, 1)).toEqual([200]);
  expect(await statuses(more, 6)).toEqual([200, 200, 200, 200, 200, 429]);
  const refused = await service.fetch('/v1/files', one);
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(await refused.json()).toMatchObject({
    error: { type: 'rate_limit_error', code: 'rate_limit_exceeded' },
  });
});
