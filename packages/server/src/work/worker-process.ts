import { once } from 'node:events';
import { openServiceWorker, type ServiceWorkerSettings } from './open-service-worker.ts';
import { runWorkerProgram } from './worker-program.ts';

// A worker beside a server, which tells it by a message what it is to open: arguments are seen by every user of the machine.

await runWorkerProgram(async () => {
  const [settings] = (await once(process, 'message')) as [ServiceWorkerSettings];
  return openServiceWorker(settings, (problem) => process.stderr.write(`${problem}\n`));
});
