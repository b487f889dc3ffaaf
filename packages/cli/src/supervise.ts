import { SHARE_ENV, Worker } from 'node:worker_threads';
import {
  graceSeconds,
  type ProgramData,
  type ProgramMessage,
  type SupervisorMessage,
  sharedNumbers,
} from './program-thread.ts';
import { stdinLines } from './stdin-lines.ts';
import { printable } from './terminal/printable.ts';
import { wrapLines } from './terminal/wrap.ts';

const inSources = import.meta.url.endsWith('.ts');
const program = new URL(inSources ? './program.ts' : './program.js', import.meta.url);

/**
 * Runs a command in a thread of its own and watches over it, so that signals are heard whatever the command is doing:
 * the first asks work that can be saved to stop, a second ends the process at once, and so does the end of a grace period.
 *
 * @returns the exit code.
 */
export function supervise(rawArgs: readonly string[], entry: URL = program): Promise<number> {
  const { stdout, stderr } = process;
  const shared = new SharedArrayBuffer(8 * 3);
  const numbers = sharedNumbers(shared);
  const measure = () => {
    numbers.stdoutColumns = stdout.columns ?? 0;
    numbers.stderrColumns = stderr.columns ?? 0;
  };
  measure();
  stdout.on('resize', measure);
  stderr.on('resize', measure);
  // A reader that has left, as of `| head -1`, loses what it did not want to read; the work goes on.
  const gone = new Set<NodeJS.WriteStream>();
  for (const stream of [stdout, stderr]) stream.on('error', () => gone.add(stream));
  const write = (stream: NodeJS.WriteStream, text: string) => {
    if (!gone.has(stream)) stream.write(text);
  };
  const note = (text: string) => write(stderr, wrapLines(text, stderr.columns ?? Number.POSITIVE_INFINITY));

  const workerData: ProgramData = {
    safetune: {
      rawArgs,
      shared,
      isTerminal: {
        stdin: process.stdin.isTTY === true,
        stdout: stdout.isTTY === true,
        stderr: stderr.isTTY === true,
      },
    },
  };
  // One environment for both threads: what a package sets before it loads a library must reach that library, such as the
  // variable that keeps ONNX Runtime from sending telemetry.
  const worker = new Worker(entry, {
    name: 'safetune-command',
    workerData,
    env: SHARE_ENV,
    ...(inSources ? { execArgv: ['--conditions=safetune-source'] } : {}),
  });
  const tell = (message: SupervisorMessage) => worker.postMessage(message);
  const input = stdinLines();
  let canStop = false;
  let hearsInterrupts = false;
  /** How often Ctrl-C was pressed since the last line of stdin. */
  let interrupts = 0;
  const interrupt = () => {
    interrupts += 1;
    if (interrupts === 1) return tell({ type: 'interrupt' });
    input.close();
    die('SIGINT');
  };
  const readLine = async (prompt: string) => {
    const text = await input.read(prompt, interrupt);
    if (text !== undefined) interrupts = 0;
    tell({ type: 'line', text });
  };
  worker.on('message', (message: ProgramMessage) => {
    if (message.type === 'can-stop') canStop = true;
    else if (message.type === 'hears-interrupts') hearsInterrupts = true;
    else if (message.type === 'read-line') void readLine(message.prompt);
    else {
      write(message.stream === 'stdout' ? stdout : stderr, message.text);
      input.redraw();
    }
  });

  let isStopping = false;
  const onSignal = (signal: NodeJS.Signals) => {
    if (hearsInterrupts && signal === 'SIGINT') return interrupt();
    if (isStopping || !canStop) {
      input.close();
      return die(signal);
    }
    isStopping = true;
    const seconds = graceSeconds(numbers.slowestSeconds);
    note(
      `\nstopping after this step, in ${Math.ceil(seconds)} s at the latest; press Ctrl-C again to stop at once\n`,
    );
    tell({ type: 'stop' });
    setTimeout(() => {
      note(
        `safetune: did not stop within ${Math.ceil(seconds)} s and was ended; the last checkpoint is kept\n`,
      );
      die(signal);
    }, seconds * 1000).unref();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);

  return new Promise((resolve) => {
    worker.on('error', (error) => {
      note(`safetune: ${printable(describe(error))}\n`);
      resolve(1);
    });
    worker.on('exit', (code) => {
      input.close();
      resolve(code);
    });
  });
}

/** Ends the process as the signal would without a handler, whatever its threads are doing. */
function die(signal: NodeJS.Signals): void {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}

function describe(error: Error & { code?: string }): string {
  if (error.code !== 'ERR_WORKER_OUT_OF_MEMORY') return error.stack ?? error.message;
  return 'there was not enough memory for what JavaScript holds; is one of the files very large? NODE_OPTIONS=--max-old-space-size=MB allows more';
}
