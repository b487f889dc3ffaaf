import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../main.ts', import.meta.url));

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command as a process of its own, as a person does. */
export function runCli(...args: string[]): Promise<CliResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--conditions=safetune-source', main, ...args], {
      env: { ...process.env, NO_COLOR: '1' },
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk;
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
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
