/** A worker that is killed: `chaos-worker.ts SETTINGS`, as JSON. */
import { openServiceWorker, type ServiceWorkerSettings } from '../../work/open-service-worker.ts';
import { runWorkerProgram } from '../../work/worker-program.ts';

await runWorkerProgram(() =>
  openServiceWorker(JSON.parse(process.argv[2]!) as ServiceWorkerSettings, (problem) =>
    process.stderr.write(`${problem}\n`),
  ),
);
