/** What the thread that runs a command and the one that watches over it tell each other. */

/** What the command's thread is started with. */
export interface ProgramData {
  readonly safetune: {
    readonly rawArgs: readonly string[];
    /** See {@link sharedNumbers}. */
    readonly shared: SharedArrayBuffer;
    readonly isTerminal: { readonly stdin: boolean; readonly stdout: boolean; readonly stderr: boolean };
  };
}

/**
 * From the command's thread: something to write; that its work can be stopped and saved from now on; that it hears of each
 * Ctrl-C itself; a line of stdin wanted, or none any more.
 */
export type ProgramMessage =
  | { readonly type: 'write'; readonly stream: 'stdout' | 'stderr'; readonly text: string }
  | { readonly type: 'can-stop' }
  | { readonly type: 'hears-interrupts' }
  | { readonly type: 'read-line'; readonly prompt: string };

/** To the command's thread: stop; Ctrl-C was pressed; the line that was wanted, undefined at the end of stdin. */
export type SupervisorMessage =
  | { readonly type: 'stop' }
  | { readonly type: 'interrupt' }
  | { readonly type: 'line'; readonly text: string | undefined };

/** Numbers that both threads see at once, also while one is busy. */
export interface SharedNumbers {
  /** Widths of the terminal; 0 where there is none. */
  stdoutColumns: number;
  stderrColumns: number;
  /** The longest time so far between two reports of progress. */
  slowestSeconds: number;
}

export function sharedNumbers(buffer: SharedArrayBuffer): SharedNumbers {
  const values = new Float64Array(buffer);
  const field = (index: number) => ({
    get: () => values[index]!,
    set: (value: number) => {
      values[index] = value;
    },
  });
  return Object.defineProperties({} as SharedNumbers, {
    stdoutColumns: field(0),
    stderrColumns: field(1),
    slowestSeconds: field(2),
  });
}

/** How long work may take to stop: three of its longest steps so far, but at least ten seconds. */
export function graceSeconds(slowestSeconds: number): number {
  return Math.max(10, 3 * slowestSeconds);
}
