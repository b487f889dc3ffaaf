import { type ChildProcess, fork } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { ServiceWorkerSettings } from './open-service-worker.ts';

export interface StartWorkersOptions {
  /** What each of them opens; told by a message, so that nobody sees it in the list of processes. */
  readonly settings?: ServiceWorkerSettings;
  /** A module that calls `runWorkerProgram`. Default: the one of this package, which needs settings. */
  readonly program?: URL;
  /** For it. */
  readonly arguments?: readonly string[];
  /** How long a worker may take to put its job back before it is ended, in milliseconds. Default 90,000. */
  readonly graceMilliseconds?: number;
  /** How long to wait before a worker that died is started again, in milliseconds; doubled each time that it does not live a minute, up to a minute. Default 1000. */
  readonly restartMilliseconds?: number;
  /** Hears of workers that died. */
  readonly onProblem?: (problem: string) => void;
}

/** Workers beside a server. */
export interface Workers {
  /** Those that live at the moment. */
  readonly processIds: () => readonly number[];
  /** Has every worker put its job back into the queue, with its state saved, and end. */
  close(): Promise<void>;
}

const inSources = import.meta.url.endsWith('.ts');
const entry = new URL(inSources ? './worker-process.ts' : './worker-process.js', import.meta.url);

const longestPause = 60_000;

/** Starts worker processes, and starts those again that die. They end when this process does. */
export function startWorkers(count: number, options: StartWorkersOptions): Workers {
  const { graceMilliseconds = 90_000 } = options;
  const closing = new AbortController();
  const children = new Set<ChildProcess>();
  const kept = Array.from({ length: count }, () => keepAlive(options, children, closing.signal));
  return {
    processIds: () => [...children].flatMap(({ pid }) => (pid === undefined ? [] : [pid])),
    async close() {
      closing.abort();
      for (const child of children) if (child.connected) child.send('stop', () => {});
      const deadline = setTimeout(() => {
        for (const child of children) child.kill('SIGKILL');
      }, graceMilliseconds);
      await Promise.all(kept);
      clearTimeout(deadline);
    },
  };
}

async function keepAlive(
  options: StartWorkersOptions,
  children: Set<ChildProcess>,
  closing: AbortSignal,
): Promise<void> {
  const { program = entry, settings, restartMilliseconds = 1000, onProblem = () => {} } = options;
  let wait = restartMilliseconds;
  while (!closing.aborted) {
    const started = performance.now();
    const child = fork(fileURLToPath(program), options.arguments ?? [], {
      execArgv: inSources ? ['--conditions=safetune-source'] : [],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    children.add(child);
    if (settings !== undefined) child.send(settings, () => {});
    const how = await new Promise<string>((resolve) => {
      child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
      child.once('error', (error) => resolve(error.message));
    });
    children.delete(child);
    if (closing.aborted) return;
    onProblem(`a worker ended (${how}) and is started again`);
    if (performance.now() - started > longestPause) wait = restartMilliseconds;
    await pause(wait, undefined, { signal: closing }).catch(() => {});
    wait = Math.min(2 * wait, longestPause);
  }
}
