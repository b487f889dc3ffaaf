import { writeManifest } from '../evidence/write-manifest.ts';
import { gate } from '../gate/gate.ts';
import { screen } from '../screening/screen.ts';
import { serveJob } from './serve-job.ts';

serveJob({ screen, gate, writeManifest });
