import { gate } from '../gate/gate.ts';
import { screen } from '../screening/screen.ts';
import { serveJob } from './serve-job.ts';

serveJob({
  screen,
  gate,
  writeManifest: () => {
    throw new Error('the manifest is not there yet');
  },
});
