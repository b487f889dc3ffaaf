import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** A process that is started again whenever it has died. It ends with the one that keeps it. */
export interface KeptProcess {
  /** Undefined while it is dead. */
  readonly processId: number | undefined;
  /** What it last sent. */
  readonly said: unknown;
  /** Waits until it has sent something since it was started last. */
  ready(): Promise<void>;
  /** Kills it as `kill -9` does, and waits for its end. */
  kill(): Promise<void>;
  /** Has it end by 'SIGTERM', and not start again. */
  close(): Promise<void>;
}

/**
 * @param given its arguments, asked for at each start
 * @param log hears a line of what it writes to its standard error
 */
export function keepProcess(
  program: URL,
  given: () => readonly string[],
  log: (line: string) => void,
): KeptProcess {
  let child: ChildProcess | undefined;
  let isClosed = false;
  let said: unknown;
  let isReady = false;
  const wakers = new Set<() => void>();
  const start = () => {
    isReady = false;
    const started = fork(fileURLToPath(program), given(), {
      execArgv: ['--conditions=safetune-source', '--disable-warning=ExperimentalWarning'],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    child = started;
    started.stderr!.setEncoding('utf8').on('data', log);
    started.on('message', (message) => {
      [said, isReady] = [message, true];
      for (const wake of wakers) wake();
    });
    started.once('exit', (code, signal) => {
      child = undefined;
      if (isClosed) return;
      if (signal !== 'SIGKILL') log(`${fileURLToPath(program)} ended by itself: ${signal ?? code}\n`);
      setTimeout(() => {
        if (!isClosed) start();
      }, 200);
    });
  };
  start();
  const end = async (signal: NodeJS.Signals) => {
    if (child === undefined) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  };
  return {
    get processId() {
      return child?.pid;
    },
    get said() {
      return said;
    },
    async ready() {
      while (!isReady) {
        await new Promise<void>((resolve) => {
          const wake = () => {
            wakers.delete(wake);
            resolve();
          };
          wakers.add(wake);
        });
      }
    },
    kill: () => end('SIGKILL'),
    async close() {
      isClosed = true;
      await end('SIGTERM');
    },
  };
}
