/** One thread of the demo: runs its share of the defenses and reports what came of them; see lanes.ts. */
import { parentPort, workerData } from 'node:worker_threads';
import { alignedModel, growOrganism, noDefense, runExperiment, standardDefenses } from '@safetune/organism';
import type { LaneMessage, LaneWork } from './lanes.ts';

const { defenses, tasks, seeds, directory, recipe, cache, finished } = workerData as LaneWork;
const stopping = new AbortController();
parentPort!.once('message', () => stopping.abort(new Error('stopped')));
const report = (message: LaneMessage) => parentPort!.postMessage(message);

// It was grown before: this opens it.
const organism = await growOrganism(recipe, cache === undefined ? {} : { directory: cache });
const plan = {
  defenses: defenses.map(({ name, strength }) => {
    const fixed = [alignedModel, noDefense].find((defense) => defense.name === name);
    return fixed ?? standardDefenses.find((sweep) => sweep.name === name)!.at(strength, organism);
  }),
  tasks,
  seeds,
};
const runs = new Map(finished.map((run) => [run.key, run]));
await runExperiment(organism, plan, {
  ...(directory === undefined ? {} : { directory }),
  signal: stopping.signal,
  journal: {
    find: (key) => runs.get(key),
    runs: () => [...runs.values()],
    record(run) {
      runs.set(run.key, run);
      report({ run });
    },
  },
  onProgress: (progress) => report({ progress }),
});
// An open port would keep the thread.
parentPort!.close();
