export type { Answer, Route } from './api/route.ts';
export { ApiError, PolicyFileError, StorageError } from './errors.ts';
export type { Policy } from './policy/policy-schema.ts';
export type { Queue } from './queue/queue.ts';
export type { Records } from './records/records.ts';
export type { AnsweringService, Service } from './service.ts';
export type { Chat } from './serving/chat.ts';
export { type CreateChatOptions, createChat } from './serving/create-chat.ts';
export type { Storage } from './storage/storage.ts';
