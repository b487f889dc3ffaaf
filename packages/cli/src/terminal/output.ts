/** The one way of this package to stdout and stderr. */
import { parentPort, workerData } from 'node:worker_threads';
import {
  type ProgramData,
  type ProgramMessage,
  type SharedNumbers,
  sharedNumbers,
} from '../program-thread.ts';
import { printable } from './printable.ts';
import { wrapLines } from './wrap.ts';

type StreamName = 'stdout' | 'stderr';

/** What this thread was started with; undefined outside a command's thread. */
export const programData: ProgramData['safetune'] | undefined = (workerData as ProgramData | null)?.safetune;

/** What both threads see; undefined outside a command's thread. */
export const shared: SharedNumbers | undefined =
  programData === undefined ? undefined : sharedNumbers(programData.shared);

/** A result, on stdout. Nothing in it can command the terminal. */
export function print(text: string): void {
  write('stdout', printable(text));
}

/** News that is no result, on stderr. Nothing in it can command the terminal. */
export function note(text: string): void {
  const columns = isTerminal('stderr') ? columnsOf('stderr') : undefined;
  const safe = printable(text);
  write('stderr', columns === undefined ? safe : wrapLines(safe, columns));
}

/** Text as it is; whatever in it comes from elsewhere must have gone through `printable`. */
export function write(stream: StreamName, text: string): void {
  if (programData === undefined || parentPort === null) process[stream].write(text);
  else parentPort.postMessage({ type: 'write', stream, text } satisfies ProgramMessage);
}

export function isTerminal(stream: StreamName): boolean {
  return programData === undefined ? process[stream].isTTY === true : programData.isTerminal[stream];
}

/** Columns of the terminal behind a stream, or what COLUMNS says; undefined when the stream goes to a file or a pipe. */
export function columnsOf(stream: StreamName): number | undefined {
  const terminal = shared?.[`${stream}Columns`] || (shared === undefined ? process[stream].columns : 0);
  const columns = terminal || Number(process.env.COLUMNS);
  return Number.isSafeInteger(columns) && columns > 0 ? columns : undefined;
}

/** Whether text on stdout may have colours and weights. */
export function hasStyles(): boolean {
  return isTerminal('stdout') && !process.env.NO_COLOR && process.env.TERM !== 'dumb';
}
