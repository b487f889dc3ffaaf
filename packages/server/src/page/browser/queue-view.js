import { isOperator, readmission } from './actions.js';
import { read } from './api.js';
import { element, facts, table } from './elements.js';
import { time } from './format.js';
import { jobOf } from './list-views.js';

/**
 * What an operator looks after: the queue, who works, and whom the gate has stopped.
 *
 * @param {{ buttonFor: (action: import('./actions.js').Action) => import('./elements.js').ButtonParts }} page
 */
export function queueView(page) {
  const counts = facts();
  const workers = table(
    'Workers that were seen lately',
    ['Worker', 'Job', 'Seen'],
    'No worker was seen lately.',
  );
  const models = table('Models in memory', ['Model', 'Requests'], 'No model is in memory.');
  const tenants = table(
    'Tenants of whom the gate held models back that no operator has looked at',
    ['Tenant', 'Held back', 'New jobs', 'Actions'],
    'The gate has held back no model lately that no operator has looked at.',
  );
  const note = element('p', { hidden: true }, "An operator's key shows the queue.");
  const all = element(
    'div',
    {},
    counts.root,
    element('h2', {}, 'Workers'),
    workers.root,
    element('h2', {}, 'Tenants'),
    tenants.root,
    element('h2', {}, 'Models'),
    models.root,
  );
  return {
    title: 'Queue and workers',
    root: element('div', {}, note, all),
    async refresh(signal, me) {
      note.hidden = isOperator(me);
      all.hidden = !isOperator(me);
      if (!isOperator(me)) return;
      const [state, { data: heldBack }] = await Promise.all([
        read('/v1/service/queue', signal),
        read('/v1/service/tenants', signal),
      ]);
      counts.fill({ 'Jobs that wait': state.waiting, 'Jobs that a worker has': state.running });
      workers.fill(
        state.workers.map(({ id, job, seen_at: seenAt }) => ({
          key: id,
          cells: [id, job === null ? 'none' : { text: job, href: jobOf(job) }, time(seenAt)],
        })),
      );
      tenants.fill(
        heldBack.map((tenant) => ({
          key: tenant.id,
          cells: [
            tenant.id,
            heldBackCell(tenant.held_back_models),
            tenant.may_create_jobs ? 'may be made' : { text: 'stopped', tone: 'bad' },
            { buttons: [page.buttonFor(readmission(tenant))] },
          ],
        })),
      );
      models.fill(
        state.models.map(({ base, adapter, requests }) => ({
          key: `${base} ${adapter}`,
          cells: [{ text: base, note: adapter ?? undefined }, String(requests)],
        })),
      );
    },
    close() {},
  };
}

/** How many, and where to look at the newest. */
function heldBackCell(models) {
  const newest = models.toSorted((one, other) => other.created_at - one.created_at)[0];
  return {
    text: models.length === 1 ? '1 model' : `${models.length} models`,
    ...(newest && { href: jobOf(newest.fine_tuning_job_id), note: `the newest ${time(newest.created_at)}` }),
  };
}
