export type { Answer, Route } from './api/route.ts';
export type { RedisOptions } from './database/redis-connection.ts';
export { ApiError, PolicyFileError, StorageError, StoreError } from './errors.ts';
export { createLog, type LogOptions } from './observe/log.ts';
export { createMetrics, type Metrics } from './observe/metrics.ts';
export { metricsRoute } from './observe/metrics-route.ts';
export { observeServer } from './observe/observe-server.ts';
export type { StoreSettings } from './open-stores.ts';
export { registerPage } from './page/register-page.ts';
export { type PlanJobOptions, planJob } from './policy/plan-job.ts';
export type { Policy } from './policy/policy-schema.ts';
export { type ReadPolicyOptions, readPolicy } from './policy/read-policy.ts';
export { type BullmqQueueOptions, openBullmqQueue } from './queue/bullmq-queue.ts';
export type { Queue } from './queue/queue.ts';
export type { QueueTimes } from './queue/queue-times.ts';
export { openSqliteQueue } from './queue/sqlite-queue.ts';
export type { Records } from './records/records.ts';
export { openRedisRecords } from './records/redis-records.ts';
export { openSqliteRecords } from './records/sqlite-records.ts';
export { makeOperatorKey } from './service/operator-keys.ts';
export {
  type RunningService,
  type ServicePart,
  type ServiceSettings,
  startService,
} from './service/start-service.ts';
export type { AnsweringService, Service } from './service.ts';
export type { Chat } from './serving/chat.ts';
export { type CreateChatOptions, createChat } from './serving/create-chat.ts';
export { openFolderStorage } from './storage/folder-storage.ts';
export { type S3Options, s3OptionsOf } from './storage/s3-options.ts';
export { openS3Storage } from './storage/s3-storage.ts';
export type { Storage } from './storage/storage.ts';
export { openServiceWorker, type ServiceWorkerSettings } from './work/open-service-worker.ts';
export { runWorker } from './work/worker.ts';
export type { RunWorkerOptions } from './work/worker-options.ts';
export { type StartWorkersOptions, startWorkers, type Workers } from './work/worker-processes.ts';
export { type OpenedWorker, runWorkerProgram } from './work/worker-program.ts';
