import { eventLog, type TrainEvent, tensorboard } from '@safetune/trainer';
import { note } from '../terminal/output.ts';
import { watchRun } from './watch-run.ts';

/** Options of a run's followers: none of them changes what is trained. */
export const listenerOptionDefinitions = {
  watch: { type: 'boolean', description: 'serve a live page of the run to this machine' },
  tensorboard: {
    type: 'string',
    path: 'output',
    valueHint: 'DIR',
    description: 'also write the figures as event files for TensorBoard',
  },
  log: {
    type: 'string',
    path: 'output',
    valueHint: 'FILE.jsonl',
    description: 'also append every event of the run as a line of JSON',
  },
} as const;

/** What else hears a run. */
export interface RunListeners {
  onEvent(event: TrainEvent, about: string): void;
  /** In the words that the run ends with. */
  end(text: string): Promise<void>;
}

/** The followers that are asked for; the page's address is told. @throws UsageError, FileWriteError */
export async function runListeners(options: {
  readonly watch?: boolean | undefined;
  readonly tensorboard?: string | undefined;
  readonly log?: string | undefined;
}): Promise<RunListeners> {
  const files = [
    ...(options.tensorboard === undefined ? [] : [tensorboard(options.tensorboard)]),
    ...(options.log === undefined ? [] : [eventLog(options.log)]),
  ];
  const page = options.watch ? await watchRun() : undefined;
  if (page !== undefined) note(`to be watched at ${page.url}\n`);
  return {
    onEvent(event, about) {
      for (const listener of files) listener(event);
      page?.onEvent(event, about);
    },
    end: async (text) => page?.end(text),
  };
}
