import { join } from 'node:path';
import { ApiError } from '../errors.ts';
import type { Policy } from '../policy/policy-schema.ts';
import type { Storage } from '../storage/storage.ts';
import { openAdapterCache } from './adapter-cache.ts';
import type { Chat, ChatCall } from './chat.ts';
import { createModelPool } from './model-pool.ts';
import { type ModelProcess, openModelProcess } from './model-process.ts';
import { UnavailableModels } from './unavailable-models.ts';

export interface CreateChatOptions {
  readonly policy: Policy;
  /** Where adapters are. */
  readonly storage: Storage;
  /** Where adapters are kept on this machine's disk. */
  readonly directory: string;
  /**
   * Most models in memory at once, one of them a base model with an adapter or without. Default 2. They share the weights of float32, which
   * are mapped from their files; of rounded weights each has a copy.
   */
  readonly maximumModels?: number;
  /** Cores of one answer. Default: all. */
  readonly threads?: number;
  /** Most requests that one model answers or that wait for it: more are told 429. Default 16. */
  readonly maximumPerModel?: number;
  /** Most requests that wait until a model can be loaded: more are told 503. Default 64. */
  readonly maximumWaiting?: number;
  /** How long an answer that nobody wants may go on before its process is ended, in milliseconds. Default 10,000. */
  readonly graceMilliseconds?: number;
  /** How long a model that could not be loaded is not tried again, and told 503, in milliseconds. Default 30,000. */
  readonly reloadMilliseconds?: number;
  /** Hears the id of each process that is started. */
  readonly onProcess?: (processId: number) => void;
  /** Hears what clients are not told, such as why a model cannot be loaded. It holds nothing of what was asked. */
  readonly onProblem?: (problem: string) => void;
}

/**
 * Answers of models, each in a process of its own: the service's own thread neither renders a chat template, nor cuts a text into tokens,
 * nor computes. A model that dies, of memory or of a broken file, takes no other along, and is loaded anew when it is next asked.
 *
 * Templates and patterns of a model's files are bounded there as `loadTokenizer` bounds them (steps and characters of a rendering, steps of
 * a text), and the process is ended when an answer does not stop in time. A model that cannot be loaded is told 503, and not tried again
 * for a while.
 */
export async function createChat({
  policy,
  storage,
  directory,
  maximumModels = 2,
  maximumPerModel = 16,
  maximumWaiting = 64,
  threads,
  graceMilliseconds,
  reloadMilliseconds = 30_000,
  onProcess,
  onProblem,
}: CreateChatOptions): Promise<Chat> {
  const adapters = await openAdapterCache(join(directory, 'adapters'), storage);
  const pool = createModelPool<ModelProcess>({ maximumModels, maximumPerModel, maximumWaiting });

  const unavailable = new UnavailableModels(reloadMilliseconds);

  const open = async (
    base: string,
    adapter: string | undefined,
    signal: AbortSignal,
  ): Promise<ModelProcess> => {
    const { path, precision } = policy.models[base]!;
    const folder = adapter === undefined ? undefined : await adapters.folder(adapter);
    // Others may have waited for it behind the request that found it so.
    unavailable.refuse(keyOf(base, adapter));
    const opened = await openModelProcess({
      path,
      precision,
      signal,
      contextTokens: policy.limits.context_tokens,
      ...(folder === undefined ? {} : { adapter: folder }),
      ...(threads === undefined ? {} : { threads }),
      ...(graceMilliseconds === undefined ? {} : { graceMilliseconds }),
      ...(onProblem === undefined
        ? {}
        : { onProblem: (problem: string) => onProblem(`${nameOf(base, adapter)}: ${problem}`) }),
    }).catch((error: unknown) => {
      if (!signal.aborted) unavailable.add(keyOf(base, adapter));
      throw error;
    });
    onProcess?.(opened.processId);
    return opened;
  };

  return {
    async *answer({ base, adapter, signal, ...question }: ChatCall) {
      if (!Object.hasOwn(policy.models, base))
        throw new ApiError(404, `there is no model '${base}'`, { code: 'model_not_found', param: 'model' });
      const key = keyOf(base, adapter);
      // Before it takes a place, or another model's room.
      unavailable.refuse(key);
      const lease = await pool.take(key, (removed) => open(base, adapter, removed), signal);
      const { pieces, over, leave } = lease.model.answer(question);
      void over.then(() => lease.release());
      signal.addEventListener('abort', leave, { once: true });
      try {
        signal.throwIfAborted();
        return yield* pieces;
      } catch (error) {
        signal.throwIfAborted();
        lease.removed.throwIfAborted();
        throw error;
      } finally {
        signal.removeEventListener('abort', leave);
        leave();
      }
    },
    async forget(adapter) {
      const keys = pool.entries().map(({ key }) => key);
      await Promise.all(
        keys.filter((key) => modelOf(key).adapter === adapter).map((key) => pool.remove(key)),
      );
      await adapters.forget(adapter);
    },
    loaded: () => pool.entries().map(({ key, requests }) => ({ ...modelOf(key), requests })),
    close: () => pool.close(),
  };
}

function keyOf(base: string, adapter: string | undefined): string {
  return JSON.stringify(adapter === undefined ? [base] : [base, adapter]);
}

/** As the log names it. */
function nameOf(base: string, adapter: string | undefined): string {
  return adapter === undefined ? base : `${base} with ${adapter}`;
}

function modelOf(key: string): { readonly base: string; readonly adapter: string | undefined } {
  const [base, adapter] = JSON.parse(key) as [string, string | undefined];
  return { base, adapter };
}
