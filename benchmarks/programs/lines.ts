import { readFileSync } from 'node:fs';

/** What a measured program prints on stdout: one JSON object a line, other lines are ignored. */
export type Line =
  /** Ready for the first step, so many seconds after the process started. */
  | { readonly type: 'ready'; readonly seconds: number }
  /** One step: wall time, CPU time of all threads, and the process's peak memory so far. */
  | {
      readonly type: 'step';
      readonly seconds: number;
      readonly cpuSeconds: number;
      readonly peakBytes: number;
      readonly loss?: number;
    }
  /** A figure of another kind. */
  | { readonly type: 'figure'; readonly name: string; readonly value: number }
  /** The peer is not installed, or the feature does not exist yet. */
  | { readonly type: 'unavailable'; readonly reason: string };

export function print(line: Line): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** The settings that the runner gave as the only argument. */
export function settings<Settings>(): Settings {
  return JSON.parse(process.argv[2] ?? '{}') as Settings;
}

/** The most memory that this process had resident. */
export function peakBytes(): number {
  // What `getrusage` tells of a process begins with what its parent had resident when it started it.
  if (process.platform !== 'linux') return process.resourceUsage().maxRSS * 1024;
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))![1]) * 1024;
}

export interface Repetitions {
  /** Steps before the clock counts. */
  readonly warmUp: number;
  readonly steps: number;
}

/** Says that the program is ready, then runs and times steps. `step` may give its loss. */
export async function timeSteps(
  { warmUp, steps }: Repetitions,
  step: () => Promise<number | undefined>,
): Promise<void> {
  print({ type: 'ready', seconds: performance.now() / 1000 });
  for (let index = -warmUp; index < steps; index++) {
    const cpuBefore = process.cpuUsage();
    const before = performance.now();
    const loss = await step();
    const seconds = (performance.now() - before) / 1000;
    const { user, system } = process.cpuUsage(cpuBefore);
    if (index < 0) continue;
    const cpuSeconds = (user + system) / 1e6;
    print({
      type: 'step',
      seconds,
      cpuSeconds,
      peakBytes: peakBytes(),
      ...(loss === undefined ? {} : { loss }),
    });
  }
}

/** Ends the process after saying why it cannot measure. */
export function unavailable(reason: string): never {
  print({ type: 'unavailable', reason });
  process.exit(0);
}
