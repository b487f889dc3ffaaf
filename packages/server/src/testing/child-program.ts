import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** A program in a process of its own, which can be killed. */
export interface ChildProgram {
  readonly process: ChildProcess;
  /** What it has printed, line by line. */
  readonly lines: readonly string[];
  /** Waits until it has printed so many lines. @throws Error when it ends before. */
  printed(count: number): Promise<void>;
  /** Kills it as `kill -9` does, and waits for its end. */
  kill(): Promise<void>;
  /** Waits for its end. @throws Error when it did not end well. */
  end(): Promise<void>;
}

/** Starts a TypeScript program, with `print(line)` in it; its imports are relative to `directory`. */
export function startProgram(code: string, directory: string): ChildProgram {
  const child = spawn(
    process.execPath,
    [
      '--conditions=safetune-source',
      '--disable-warning=ExperimentalWarning',
      '--input-type=module-typescript',
      '--eval',
      `import { writeSync } from 'node:fs';
       const print = (line: unknown) => void writeSync(1, String(line) + '\\n');
       ${code}`,
    ],
    { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const lines: string[] = [];
  let errors = '';
  const waiting = new Set<() => void>();
  const tell = () => {
    for (const awake of waiting) awake();
  };
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(line);
    tell();
  });
  child.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  const closed = once(child, 'close').finally(tell);
  const isClosed = () => child.exitCode !== null || child.signalCode !== null;
  return {
    process: child,
    lines,
    async printed(count) {
      while (lines.length < count) {
        if (isClosed()) throw new Error(`the program ended after ${lines.length} lines: ${errors}`);
        await new Promise<void>((resolve) => {
          const awake = () => {
            waiting.delete(awake);
            resolve();
          };
          waiting.add(awake);
        });
      }
    },
    async kill() {
      child.kill('SIGKILL');
      await closed;
    },
    async end() {
      const [code] = await closed;
      if (code !== 0) throw new Error(`the program ended with ${code}: ${errors}`);
    },
  };
}
