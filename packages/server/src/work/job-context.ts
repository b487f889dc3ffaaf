import { join } from 'node:path';
import type { ManifestFacts } from '../evidence/write-manifest.ts';
import type { GateOptions, GateResult } from '../gate/gate.ts';
import type { JobCheckpoint } from '../records/job-record.ts';
import type { Screened, ScreenOptions } from '../screening/screen.ts';
import type { JobFiles } from './job-files.ts';
import type { JobMessage, JobStart, StorageCall } from './job-message.ts';
import { resultFileId, stateKey } from './job-names.ts';
import { type RunNote, setAside, storeState } from './saved-run.ts';

/** The parts of a job that have rooms of their own. */
export interface JobParts {
  screen(options: ScreenOptions): Promise<Screened>;
  gate(options: GateOptions): Promise<GateResult>;
  /** @returns the path of the manifest */
  writeManifest(facts: ManifestFacts): Promise<string>;
}

export interface RunJobOptions {
  readonly parts: JobParts;
  readonly files: JobFiles;
  readonly send: (message: Exclude<JobMessage, StorageCall>) => void;
  /** Stops the job between two steps. */
  readonly signal: AbortSignal;
}

/** A job as its process has it in hand. */
export interface JobContext extends RunJobOptions {
  readonly start: JobStart;
  /** Tells the owner something. */
  say(message: string, level?: 'info' | 'warn'): void;
  /** Puts a file into the storage for the owner. @returns its id */
  putResult(kind: string, filename: string, path: string): Promise<string>;
  /** Puts the state into the storage, as it is now or as it was set aside in `staging`, and tells of it. */
  saveState(
    step: number,
    note: RunNote,
    more?: {
      readonly name?: string;
      readonly staging?: string;
      readonly checkpoints?: readonly Omit<JobCheckpoint, 'createdAt'>[];
    },
  ): Promise<void>;
}

export function createJobContext(start: JobStart, options: RunJobOptions): JobContext {
  const { job, directory } = start;
  const { files, send } = options;
  return {
    ...options,
    start,
    say(message, level = 'info') {
      send({ type: 'event', event: { level, type: 'message', message, data: null } });
    },
    async putResult(kind, filename, path) {
      const id = resultFileId(job.id, kind);
      const key = `files/${id}-${job.attempt}`;
      const { bytes, sha256 } = await files.put(key, path);
      send({ type: 'result-file', file: { id, filename, bytes, sha256, key } });
      return id;
    },
    async saveState(step, note, { name = `${step}`, staging, checkpoints = [] } = {}) {
      const folder = staging ?? join(directory, `state-${name}`);
      if (staging === undefined) setAside(directory, folder);
      const key = stateKey(job, name);
      await storeState(files, { key, staging: folder, note });
      send({ type: 'state', state: { key, step }, checkpoints });
    },
  };
}
