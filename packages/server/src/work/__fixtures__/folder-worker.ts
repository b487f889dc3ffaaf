/** A worker of the service in a folder: `folder-worker.ts FOLDER NAME`. */
import { join } from 'node:path';
import { runWorkerProgram } from '../worker-program.ts';
import { closeService, openServiceFolder } from './service-folder.ts';

const [folder, name] = process.argv.slice(2) as [string, string];

const service = await openServiceFolder(folder);
await runWorkerProgram(async () => ({
  service,
  close: () => closeService(service),
  options: {
    id: `${name}-${process.pid}`,
    scratch: join(folder, 'scratch'),
    jobProgram: new URL('./stand-in-job-process.ts', import.meta.url),
    pollMilliseconds: 50,
    graceMilliseconds: 20_000,
  },
}));
