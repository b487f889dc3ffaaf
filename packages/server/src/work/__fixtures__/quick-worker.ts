/** A worker of a service whose jobs do nothing: `quick-worker.ts SETTINGS`, as JSON. */
import { openServiceWorker, type ServiceWorkerSettings } from '../open-service-worker.ts';
import { runWorkerProgram } from '../worker-program.ts';

await runWorkerProgram(async () => {
  const settings = JSON.parse(process.argv[2]!) as ServiceWorkerSettings;
  const opened = await openServiceWorker(settings, (problem) => process.stderr.write(`${problem}\n`));
  // There is no manifest that could be signed.
  const { signingKey: _, ...options } = opened.options;
  const jobProgram = new URL('./quick-job-process.ts', import.meta.url);
  return { ...opened, options: { ...options, jobProgram } };
});
