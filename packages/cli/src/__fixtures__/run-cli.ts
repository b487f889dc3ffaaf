import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../main.ts', import.meta.url));

export interface CliResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command as a process of its own, as a person does. */
export function runCli(...args: string[]): Promise<CliResult> {
  return startCli(args).ended;
}

/** The same with a text on stdin, and variables of the environment. */
export function runCliOn(
  input: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<CliResult> {
  const { child, ended } = startCli(args, environment);
  child.stdin.end(input);
  return ended;
}

/** A command that goes on: what it has written so far, and how it ends. */
export interface RunningCli {
  readonly child: ChildProcessWithoutNullStreams;
  /** Waits until it has written this to one of its streams. */
  said(stream: 'stdout' | 'stderr', text: string | RegExp): Promise<void>;
  readonly ended: Promise<CliResult>;
}

export function startCli(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): RunningCli {
  const child = spawn(process.execPath, ['--conditions=safetune-source', main, ...args], {
    env: { ...process.env, NO_COLOR: '1', ...environment },
  });
  const written = { stdout: '', stderr: '' };
  const listeners = new Set<() => void>();
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (chunk: string) => {
      written[stream] += chunk;
      for (const listener of listeners) listener();
    });
  }
  // A command that ended does not read what it is still told.
  child.stdin.on('error', () => {});
  const ended = new Promise<CliResult>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, ...written }));
  });
  return {
    child,
    ended,
    said: (stream, text) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (written[stream].search(text instanceof RegExp ? text : literal(text)) === -1) return;
          listeners.delete(look);
          resolve();
        };
        listeners.add(look);
        look();
        void ended.then(() => reject(new Error(`it ended without saying '${text}': ${written.stderr}`)));
      }),
  };
}

function literal(text: string): RegExp {
  return new RegExp(text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
}
/** Arguments in which an option that comes again replaces the earlier one, which the command itself refuses. */
export function replacing(command: string, ...args: readonly string[]): [string, ...string[]] {
  const options = new Map<string, string[]>();
  for (let index = 0; index < args.length; index++) {
    const value = args[index + 1];
    const pair = value === undefined || value.startsWith('--') ? [] : [value];
    options.set(args[index]!, pair);
    index += pair.length;
  }
  return [command, ...[...options].flat(2)];
}
