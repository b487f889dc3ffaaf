import type { GateVerdict } from '../gate/gate-verdict.ts';
import { outcomeOfOne } from '../gate/rule.ts';
import type { HeldBackRecord } from '../records/held-back-record.ts';
import type { JobRecord } from '../records/job-record.ts';
import type { Records } from '../records/records.ts';
import { recordsSince } from '../records/records-since.ts';
import { unixTime } from '../records/unix-time.ts';
import type { Service } from '../service.ts';

const daySeconds = 24 * 3600;

/**
 * Writes down that the gate held a model back, if it did so by something that it measured: of a judge that does not answer a customer
 * learns nothing, nor can they do anything for it. May be done again, also by an attempt that comes to another verdict.
 */
export async function noteHeldBack(
  records: Records,
  {
    job: { id, tenant },
    model,
    gate: { outcome, measurements },
  }: { readonly job: JobRecord; readonly model: string; readonly gate: GateVerdict },
): Promise<void> {
  const known = await records.get('held-back', id);
  const isMeasured = measurements.some((one) => one.value !== null && outcomeOfOne(one) !== 'released');
  if (outcome === 'released' || !isMeasured) {
    if (known !== undefined) await records.remove('held-back', id);
  } else if (known === undefined) {
    await records.insert('held-back', { id, tenant, createdAt: unixTime(), model, outcome });
  }
}

/** Models that count against their tenants: held back lately, and seen by no operator. The newest first. */
export async function heldBackModels(
  { records, policy }: Service,
  tenant?: string,
): Promise<readonly HeldBackRecord[]> {
  const since = unixTime() - policy.limits.held_back_days * daySeconds;
  const found: HeldBackRecord[] = [];
  const lately = recordsSince(records, 'held-back', { since, ...(tenant !== undefined && { tenant }) });
  for await (const model of lately) if (model.seen === undefined) found.push(model);
  return found;
}

/** An operator has looked at what the gate held back of a job: it counts no more. */
export async function seeHeldBack(
  records: Records,
  jobId: string,
  seen: Required<HeldBackRecord>['seen'],
): Promise<void> {
  await records.change('held-back', jobId, (model) =>
    model.seen === undefined ? { ...model, seen } : undefined,
  );
}
