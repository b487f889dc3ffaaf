import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { scalarsOf, type TrainEvent } from '@safetune/trainer';
import { UsageError } from '../usage-error.ts';
import type { WatchMessage } from './watch-message.ts';

/** The live page of a run. */
export interface WatchedRun {
  readonly url: string;
  /** What a run tells; `about` says what is trained, once it starts. */
  onEvent(event: TrainEvent, about: string): void;
  /** The run has ended. The page stays for whoever has it open; the server goes with the process. */
  end(text: string): Promise<void>;
}

/** Serves it at a port that is free. @throws UsageError when there is none. */
export async function watchRun(): Promise<WatchedRun> {
  const inSources = import.meta.url.endsWith('.ts');
  const worker = new Worker(new URL(inSources ? './watch-thread.ts' : './watch-thread.js', import.meta.url), {
    ...(inSources ? { execArgv: ['--conditions=safetune-source'] } : {}),
  });
  const [url] = (await once(worker, 'message').catch((error: Error) => {
    throw new UsageError(`--watch: the page cannot be served (${error.message})`);
  })) as [string];
  worker.unref();
  const tell = (message: WatchMessage) => worker.postMessage(message);
  return {
    url,
    onEvent(event, about) {
      if (event.type === 'start') tell({ type: 'start', steps: event.steps, done: event.done, about });
      const scalars = scalarsOf(event);
      if (scalars !== undefined) tell({ type: 'scalars', ...scalars });
      if (event.type === 'step') tell({ type: 'progress', step: event.step, secondsLeft: event.secondsLeft });
      if (event.type === 'sentinel') {
        for (const { breach, probe, value } of event.readings) {
          if (breach === undefined) continue;
          const at = `step ${event.step}: the sentinel finds ${probe} at ${value.toPrecision(3)}`;
          tell({ type: 'said', text: `${at}, beyond ${breach.bound} (${breach.action})` });
        }
      }
    },
    async end(text) {
      tell({ type: 'end', text });
      // What was told last must reach the pages before the process ends.
      await new Promise((resolve) => setTimeout(resolve, 200));
      await worker.terminate();
    },
  };
}
