/** The one way of this package to stdin, which the thread that watches over the command reads. */
import { parentPort } from 'node:worker_threads';
import type { ProgramMessage, SupervisorMessage } from '../program-thread.ts';
import { programData } from './output.ts';

/** Whether a person types what stdin gives. */
export function isTyped(): boolean {
  return programData?.isTerminal.stdin === true;
}

/**
 * The next line of stdin, without its end; undefined when there are no more. On a terminal the prompt stands before it, and
 * the line can be edited.
 */
export function readLine(prompt = ''): Promise<string | undefined> {
  const port = parentPort;
  if (port === null) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    const hear = (message: SupervisorMessage) => {
      if (message.type !== 'line') return;
      port.off('message', hear);
      port.unref();
      resolve(message.text);
    };
    port.on('message', hear);
    // Waiting for a line is work: the thread stays.
    port.ref();
    port.postMessage({ type: 'read-line', prompt } satisfies ProgramMessage);
  });
}
