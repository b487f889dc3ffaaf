import { isMainThread } from 'node:worker_threads';
import { CompileError } from './errors.ts';

/**
 * ONNX Runtime's library sends usage data to its vendor (a device id, the path of node, the processor, sessions and their
 * graphs' names), keeps a queue of it in the home folder and a log in the temporary one, unless this variable is '1' (or
 * 'true', 'on', 'yes') in the environment of the process when the library is first used.
 */
const variable = 'ORT_DISABLE_TELEMETRY';
const settle = `process.env.${variable} ||= '1'`;

if (isMainThread) process.env[variable] ||= '1';

/**
 * Sees to it that the library sends nothing: to be called before it is imported. An environment that sets
 * `ORT_DISABLE_TELEMETRY` to something is left as it is ('0' allows telemetry).
 *
 * @throws CompileError in a worker thread that cannot reach the environment of the process.
 */
export async function disableTelemetry(): Promise<void> {
  // A worker's process.env is a copy that the library does not see, and the main thread may not have imported this file.
  if (!isMainThread) await evaluateInMainThread(settle);
}

/** Milliseconds; an answer comes within one, even from a thread that is busy or waits. */
const patience = 10_000;

async function evaluateInMainThread(expression: string): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  try {
    const { Session } = await import('node:inspector/promises');
    const session = new Session();
    session.connectToMainThread();
    try {
      // The timer also keeps the worker alive meanwhile: a session does not.
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error('the main thread does not answer')), patience);
      });
      const { exceptionDetails } = await Promise.race([
        session.post('Runtime.evaluate', { expression }),
        late,
      ]);
      if (exceptionDetails !== undefined) throw new Error(exceptionDetails.text);
    } finally {
      session.disconnect();
    }
  } catch (cause) {
    // The copy holds what the process was started with, or what the main thread set before it started the worker.
    if (process.env[variable]) return;
    throw new CompileError(
      `ONNX Runtime would send telemetry: this worker thread cannot set ${variable} for the process ` +
        `(${(cause as Error).message}). What to do: set ${variable}=1 in the environment, or import ` +
        '@safetune/tensor in the main thread before the worker is started.',
      { cause },
    );
  } finally {
    clearTimeout(timer);
  }
}
