import { z } from 'zod';
import type { HeldBackRecord } from '../../records/held-back-record.ts';
import { unixTime } from '../../records/unix-time.ts';
import type { AnsweringService } from '../../service.ts';
import { heldBackModels, seeHeldBack } from '../../work/held-back.ts';
import { idSchema } from '../listing.ts';
import { defineRoute } from '../route.ts';

const tenantSchema = z.object({
  id: z.string().describe('the tenant'),
  object: z.literal('service.tenant'),
  may_create_jobs: z.boolean().describe('false: an operator has to look at what is held back first'),
  held_back_models: z
    .array(
      z.object({
        model: z.string().describe('also one that its owner has deleted'),
        fine_tuning_job_id: z.string(),
        outcome: z.enum(['quarantined', 'refused']),
        created_at: z.int(),
      }),
    )
    .describe('those that count: of the last days, and seen by no operator'),
});

function tenantObject(
  { policy }: AnsweringService,
  id: string,
  models: readonly HeldBackRecord[],
): z.output<typeof tenantSchema> {
  return {
    id,
    object: 'service.tenant',
    may_create_jobs: models.length < policy.limits.held_back_models,
    held_back_models: models.map(({ id: job, model, outcome, createdAt }) => ({
      model,
      fine_tuning_job_id: job,
      outcome,
      created_at: createdAt,
    })),
  };
}

/** `GET /v1/service/tenants`: whom an operator has to look after. */
const listTenants = defineRoute({
  method: 'GET',
  path: '/v1/service/tenants',
  operation: 'listTenantsHeldBack',
  summary: 'Lists the tenants whose models the gate held back lately, those with the most first.',
  access: 'operator',
  answer: z.object({ object: z.literal('list'), data: z.array(tenantSchema) }),
  async handle({ service }) {
    const tenants = Map.groupBy(await heldBackModels(service), ({ tenant }) => tenant);
    const data = [...tenants]
      .map(([tenant, models]) => tenantObject(service, tenant, models))
      .toSorted((one, other) => other.held_back_models.length - one.held_back_models.length);
    return { type: 'json', value: { object: 'list', data } };
  },
});

/**
 * `POST /v1/service/tenants/{tenant}/readmit`: what was held back until now counts no more. It stays in the records with the reason and the
 * key of who said so.
 */
const readmitTenant = defineRoute({
  method: 'POST',
  path: '/v1/service/tenants/{tenant}/readmit',
  operation: 'readmitTenant',
  summary: 'Lets a tenant make jobs again: what the gate held back of it until now counts no more.',
  access: 'operator',
  parameters: z.object({ tenant: idSchema }),
  body: z.strictObject({ reason: z.string().max(1000).default('') }),
  answer: tenantSchema,
  async handle({ service, key, parameters: { tenant }, body }) {
    const seen = { keyId: key!.id, at: unixTime(), reason: body.reason };
    for (const { id } of await heldBackModels(service, tenant)) await seeHeldBack(service.records, id, seen);
    return { type: 'json', value: tenantObject(service, tenant, await heldBackModels(service, tenant)) };
  },
});

export const tenantRoutes = [listTenants, readmitTenant];
