import { parentPort } from 'node:worker_threads';
import type { ProgramMessage } from './program-thread.ts';
import { hear } from './supervisor.ts';
import { programData } from './terminal/output.ts';

/**
 * An abort signal for the first Ctrl-C or SIGTERM. Asking for it says that this work keeps what it has done when it is
 * stopped; a command that never asks is ended at once.
 */
export function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  if (programData !== undefined && parentPort !== null) {
    hear('stop', () => controller.abort(new InterruptedError()));
    parentPort.postMessage({ type: 'can-stop' } satisfies ProgramMessage);
  }
  return controller.signal;
}

/**
 * Has every Ctrl-C told to `onInterrupt` instead of ending the program: the command ends itself. Where there is no thread that
 * watches, as in a test, nothing is told.
 */
export function onInterrupt(listener: () => void): void {
  if (programData === undefined || parentPort === null) return;
  hear('interrupt', listener);
  parentPort.postMessage({ type: 'hears-interrupts' } satisfies ProgramMessage);
}

/** The work was stopped by the user; what was done is kept. */
export class InterruptedError extends Error {
  constructor() {
    super('interrupted; the same command goes on where this one stopped');
    this.name = 'InterruptedError';
  }
}
