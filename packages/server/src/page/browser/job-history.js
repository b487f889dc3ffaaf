import { read } from './api.js';

/** More events than a curve has points for; a job's result file has all steps. */
const mostEvents = 5000;

/**
 * What happened in a job, read on at each call. The newest come first, so that a call reads back to what it knows: one small page
 * where nothing happened.
 */
export function jobHistory(jobId) {
  const known = new Set();
  /** By step; a job that was taken up again tells some steps twice. */
  const steps = new Map();
  const messages = [];
  let total;
  return {
    /** The oldest first. */
    messages,
    /** How many events are known. */
    count: () => known.size,
    /** `, step 3 of 20`, or nothing before the first one. */
    progress() {
      const last = Math.max(0, ...steps.keys());
      return last === 0 ? '' : `, step ${last}${total === undefined ? '' : ` of ${total}`}`;
    },
    /** @returns {{ step: number, values: Record<string, number> }[]} in the order of steps */
    steps: () => [...steps.values()].sort((a, b) => a.step - b.step),
    async readOn(signal) {
      const fresh = [];
      let after = '';
      for (let isMore = true; isMore && fresh.length < mostEvents; ) {
        const limit = known.size === 0 ? 1000 : 100;
        const path = `/v1/fine_tuning/jobs/${encodeURIComponent(jobId)}/events?limit=${limit}${after}`;
        const { data, has_more: hasMore } = await read(path, signal);
        const unknown = data.filter(({ id }) => !known.has(id));
        fresh.push(...unknown);
        isMore = hasMore && unknown.length === data.length && data.length > 0;
        after = `&after=${encodeURIComponent(data.at(-1)?.id ?? '')}`;
      }
      fresh.reverse();
      for (const event of fresh) {
        known.add(event.id);
        if (event.type === 'metrics') {
          addStep(steps, event.data ?? {});
          total = event.data?.total_steps ?? total;
        } else messages.push(event);
      }
    },
  };
}

function addStep(steps, data) {
  if (typeof data.step !== 'number') return;
  const values = Object.entries(data).filter(
    ([name, value]) => typeof value === 'number' && name !== 'step' && name !== 'total_steps',
  );
  steps.set(data.step, {
    step: data.step,
    values: { ...steps.get(data.step)?.values, ...Object.fromEntries(values) },
  });
}
