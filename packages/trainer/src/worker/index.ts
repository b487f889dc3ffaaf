export type { AdapterDescription } from './adapter-description.ts';
export { WorkerThreadError } from './errors.ts';
export { createGeneratorInWorker, type WorkerGeneratorOptions } from './generator-in-worker.ts';
export { trainIntoDirectoryInWorker, type WorkerRunOptions } from './train-in-worker.ts';
