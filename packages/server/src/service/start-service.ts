import { join } from 'node:path';
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import type { Route } from '../api/route.ts';
import { apiRoutes } from '../api/routes.ts';
import { createServer, type ServerLimits } from '../api/server.ts';
import { publicFolder } from '../evidence/signing-key.ts';
import { createMetrics } from '../observe/metrics.ts';
import { metricsRoute } from '../observe/metrics-route.ts';
import { observeServer } from '../observe/observe-server.ts';
import { openStores } from '../open-stores.ts';
import { registerPage } from '../page/register-page.ts';
import { readPolicy } from '../policy/read-policy.ts';
import type { AnsweringService } from '../service.ts';
import { type CreateChatOptions, createChat } from '../serving/create-chat.ts';
import { announceEnds } from '../webhooks/announce-ends.ts';
import { deliverWebhooks } from '../webhooks/deliver-webhooks.ts';
import type { ServiceWorkerSettings } from '../work/open-service-worker.ts';
import { removeDeleted } from '../work/remove-deleted.ts';
import { createOrphanSweep } from '../work/remove-orphans.ts';
import { requeueJobs } from '../work/requeue.ts';
import { startWorkers } from '../work/worker-processes.ts';
import { makeFirstKey } from './operator-keys.ts';
import { repeatedly } from './repeatedly.ts';

/** Something that runs beside the API in the same process: workers, for one. */
export type ServicePart = (service: AnsweringService) => Promise<{ close(): Promise<void> }>;

export interface ServiceSettings extends ServiceWorkerSettings {
  /** Default 127.0.0.1: this machine alone. */
  readonly host?: string;
  /** Default 8787; 0 takes one that is free. */
  readonly port?: number;
  /** Whether webhooks may lead to this machine and its network, and be http. Default false. */
  readonly allowPrivateWebhooks?: boolean;
  /** Processes of this machine that do jobs, one job each at a time. Default 1; 0 where all workers are elsewhere. */
  readonly workers?: number;
  /** Whether the last address of X-Forwarded-For says who a client is. Default false. */
  readonly trustProxy?: boolean;
  readonly limits?: ServerLimits;
  readonly chat?: Pick<CreateChatOptions, 'maximumModels' | 'threads' | 'maximumPerModel' | 'maximumWaiting'>;
  /** Beside the API, the page and the metrics. */
  readonly routes?: readonly Route[];
  /** Started in their order before the first request is answered, and closed in the opposite one after the last. */
  readonly parts?: readonly ServicePart[];
  /** Default: nothing is logged. */
  readonly logger?: FastifyBaseLogger;
}

export interface RunningService {
  /** `http://127.0.0.1:8787` */
  readonly address: string;
  readonly service: AnsweringService;
  readonly server: FastifyInstance;
  /** The operator's key, when this start made the first one. It is not told again. */
  readonly firstKey: string | undefined;
  /** Takes no more requests, answers those that are under way, and closes everything. */
  close(): Promise<void>;
}

const second = 1000;

/**
 * Starts a service: opens what it keeps, reads the policy, takes up what an earlier process left, and answers.
 *
 * @throws PolicyFileError, StoreError, StorageError, and what listening throws; nothing is left open then.
 */
export async function startService(settings: ServiceSettings): Promise<RunningService> {
  const {
    logger,
    host = '127.0.0.1',
    port = 8787,
    routes = [],
    parts = [],
    workers = 1,
    trustProxy = false,
    limits = {},
  } = settings;
  const closers: (() => Promise<unknown>)[] = [];
  const close = async () => {
    for (const one of closers.splice(0).toReversed()) {
      await one().catch((error: unknown) => logger?.error({ err: error }, 'something could not be closed'));
    }
  };
  try {
    const policy = await readPolicy(settings.policy, { models: 'opened' });
    const stores = await openStores(settings, (warning) => logger?.warn({ warning }, 'a store'));
    closers.push(() => stores.close());
    const { records, queue, storage, redis } = stores;
    const chat = await createChat({
      ...settings.chat,
      ...{ policy, storage, directory: join(settings.data, 'chat') },
      onProblem: (problem) => logger?.warn({ problem }, 'a model'),
    });
    closers.push(() => chat.close());
    const webhooks = { allowPrivate: settings.allowPrivateWebhooks ?? false };
    const publicKeys = join(settings.keys ?? join(settings.data, 'keys'), publicFolder);
    const service: AnsweringService = { policy, records, queue, storage, chat, webhooks, publicKeys };
    const firstKey = await makeFirstKey(records);
    closers.push(keepUp(service, logger));
    for (const part of parts) {
      const started = await part(service);
      closers.push(() => started.close());
    }
    const started = startWorkers(workers, {
      settings: workerSettings(settings),
      onProblem: (problem) => logger?.warn({ problem }, 'a worker'),
    });
    closers.push(() => started.close());
    const metrics = createMetrics();
    const server = await createServer(service, {
      ...{ routes: [...apiRoutes, metricsRoute(metrics), ...routes], limits, trustProxy },
      ...(redis !== undefined && { redis }),
      ...(logger !== undefined && { logger }),
    });
    closers.push(() => server.close());
    observeServer(server, metrics);
    registerPage(server);
    const address = await server.listen({ host, port });
    return { address, service, server, firstKey, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** What workers are told: nothing that cannot be sent to another process. */
function workerSettings({
  policy,
  data,
  storage,
  redis,
  keys,
  scratch,
  leaseSeconds,
}: ServiceSettings): ServiceWorkerSettings {
  const given = { storage, redis, keys, scratch, leaseSeconds };
  const told = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  return { policy, data, ...told };
}

/** What has to be done now and then, whatever is asked; every server of a service does it. @returns what stops it. */
function keepUp(service: AnsweringService, logger: FastifyBaseLogger | undefined): () => Promise<unknown> {
  const onError = (error: unknown) => logger?.error({ err: error }, 'a task of the service failed');
  const stops = [
    repeatedly(15 * second, () => requeueJobs(service), onError),
    repeatedly(
      2 * second,
      async () => {
        await announceEnds(service);
        await deliverWebhooks(service, service.webhooks, logger === undefined ? {} : { logger });
      },
      onError,
    ),
    repeatedly(600 * second, () => removeDeleted(service), onError),
    repeatedly(600 * second, createOrphanSweep(service), onError),
  ];
  return () => Promise.all(stops.map((stop) => stop()));
}
