import { ApiError } from '../errors.ts';

/** What a pool holds. */
export interface PooledModel {
  readonly isAlive: boolean;
  close(): Promise<void>;
}

export interface ModelPoolOptions {
  /** Most models in memory at once. */
  readonly maximumModels: number;
  /** Most requests that one model answers or that wait for it. */
  readonly maximumPerModel: number;
  /** Most requests that wait until a model can be loaded. */
  readonly maximumWaiting: number;
}

/** A model for one request alone, until it is given back. */
export interface Lease<Model> {
  readonly model: Model;
  /** Aborted, with what to tell the client, when the model is removed in the meantime. */
  readonly removed: AbortSignal;
  release(): void;
}

export interface PoolEntry {
  readonly key: string;
  readonly requests: number;
}

/** Models that are loaded when they are wanted; the one that was wanted least recently makes room, one in use never does. */
export interface ModelPool<Model extends PooledModel> {
  /**
   * Waits for a model's turn, and loads it where it is not there or its process has died. Requests come to a model in the order in
   * which they were made; when one waits for room, later ones wait behind it also where their own model is there, so that a model that
   * is always wanted keeps nobody out.
   *
   * @throws ApiError 429 or 503 with `retryAfter` when too many wait, 404 when the model is removed; what `open` throws; the signal's reason.
   */
  take(key: string, open: OpenModel<Model>, signal: AbortSignal): Promise<Lease<Model>>;
  /** Takes a model out at once, also one in use. */
  remove(key: string): Promise<void>;
  entries(): readonly PoolEntry[];
  /** Closes all of them. Nothing is taken afterwards. */
  close(): Promise<void>;
}

/** Loads a model; the signal says that nobody wants it any more. */
type OpenModel<Model> = (signal: AbortSignal) => Promise<Model>;

interface Entry<Model> {
  readonly key: string;
  readonly removal: AbortController;
  opened: Promise<Model> | undefined;
  /** Requests that have it or wait in its line. */
  requests: number;
  isBusy: boolean;
  lastUse: number;
  readonly line: Waiting<void>[];
}

interface Waiting<Value> {
  resolve(value: Value): void;
  reject(error: unknown): void;
}

/** How long a client that is turned away is asked to wait, in seconds. */
const retryAfter = 5;

export function createModelPool<Model extends PooledModel>({
  maximumModels,
  maximumPerModel,
  maximumWaiting,
}: ModelPoolOptions): ModelPool<Model> {
  const entries = new Map<string, Entry<Model>>();
  const arrivals: (Waiting<Entry<Model>> & { readonly key: string })[] = [];
  let closing = 0;
  let uses = 0;
  let isClosed = false;

  const closeModel = async (entry: Entry<Model>, reason = goneError()) => {
    closing++;
    entry.removal.abort(reason);
    entries.delete(entry.key);
    for (const waiting of entry.line.splice(0)) waiting.reject(reason);
    const model = await entry.opened?.catch(() => undefined);
    await model?.close();
    closing--;
    admit();
  };

  /** Gives room to those who wait for it, the first of them first. */
  const admit = () => {
    for (let first = arrivals[0]; first !== undefined; first = arrivals[0]) {
      let entry = entries.get(first.key);
      if (entry === undefined) {
        if (entries.size + closing >= maximumModels) {
          const idle = [...entries.values()].filter(({ requests }) => requests === 0);
          const oldest = idle.sort((a, b) => a.lastUse - b.lastUse)[0];
          // Its end, or that of a request, comes back here.
          if (oldest !== undefined && closing === 0) void closeModel(oldest);
          return;
        }
        entry = {
          key: first.key,
          opened: undefined,
          requests: 0,
          isBusy: false,
          removal: new AbortController(),
          lastUse: 0,
          line: [],
        };
        entries.set(first.key, entry);
      }
      arrivals.shift();
      if (entry.requests >= maximumPerModel) {
        first.reject(
          new ApiError(429, 'too many requests wait for this model', { code: 'model_busy', retryAfter }),
        );
        continue;
      }
      entry.requests++;
      first.resolve(entry);
    }
  };

  const leave = (entry: Entry<Model>) => {
    entry.requests--;
    entry.lastUse = uses++;
    // What could not be loaded takes no room.
    if (entry.requests === 0 && entry.opened === undefined && entries.get(entry.key) === entry)
      entries.delete(entry.key);
    admit();
  };

  const waitIn = <Value, Item extends Waiting<Value>>(
    line: Item[],
    signal: AbortSignal,
    item: (waiting: Waiting<Value>) => Item,
  ): Promise<Value> =>
    new Promise((resolve, reject) => {
      const waiting = item({
        resolve(value) {
          signal.removeEventListener('abort', abort);
          resolve(value);
        },
        reject(error) {
          signal.removeEventListener('abort', abort);
          reject(error);
        },
      });
      const abort = () => {
        const place = line.indexOf(waiting);
        if (place === -1) return;
        line.splice(place, 1);
        reject(signal.reason);
        admit();
      };
      signal.addEventListener('abort', abort, { once: true });
      line.push(waiting);
    });

  const openedModel = async (entry: Entry<Model>, open: OpenModel<Model>): Promise<Model> => {
    const known = await entry.opened;
    if (known?.isAlive === true) return known;
    const opening = open(entry.removal.signal);
    entry.opened = opening;
    try {
      return await opening;
    } catch (error) {
      entry.opened = undefined;
      throw error;
    }
  };

  return {
    async take(key, open, signal) {
      signal.throwIfAborted();
      if (isClosed) throw shuttingDown();
      if (arrivals.length >= maximumWaiting)
        throw new ApiError(503, 'too many requests wait for a model', { code: 'models_busy', retryAfter });
      const admitted = waitIn<Entry<Model>, (typeof arrivals)[number]>(arrivals, signal, (waiting) => ({
        ...waiting,
        key,
      }));
      admit();
      const entry = await admitted;
      const next = () => {
        const waiting = entry.line.shift();
        if (waiting === undefined) entry.isBusy = false;
        else waiting.resolve();
        leave(entry);
      };
      if (entry.isBusy) {
        await waitIn<void, Waiting<void>>(entry.line, signal, (waiting) => waiting).catch((error) => {
          leave(entry);
          throw error;
        });
      }
      entry.isBusy = true;
      try {
        signal.throwIfAborted();
        const model = await openedModel(entry, open);
        entry.removal.signal.throwIfAborted();
        let isReleased = false;
        return {
          model,
          removed: entry.removal.signal,
          release() {
            if (!isReleased) next();
            isReleased = true;
          },
        };
      } catch (error) {
        next();
        throw error;
      }
    },
    async remove(key) {
      const entry = entries.get(key);
      if (entry !== undefined) await closeModel(entry);
    },
    entries: () => [...entries.values()].map(({ key, requests }) => ({ key, requests })),
    async close() {
      isClosed = true;
      for (const waiting of arrivals.splice(0)) waiting.reject(shuttingDown());
      await Promise.all([...entries.values()].map((entry) => closeModel(entry, shuttingDown())));
    },
  };
}

function shuttingDown(): ApiError {
  return new ApiError(503, 'the service is shutting down', { retryAfter });
}

function goneError(): ApiError {
  return new ApiError(404, 'the model is not there any more', { code: 'model_not_found', param: 'model' });
}
