import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker, type WorkerOptions } from 'node:worker_threads';
import { ApiError, modelUnavailable } from '../errors.ts';
import type { FileRecord } from '../records/file-record.ts';
import type { Storage } from '../storage/storage.ts';
import type { InspectionCall, InspectionResult, Preview, TokenCount } from './inspection-call.ts';

// The sources run from .ts files and resolve the other packages' sources; what is published is dist/inspection-program.js.
const inSources = import.meta.url.endsWith('.ts');
const program = new URL(inSources ? './inspection-program.ts' : './inspection-program.js', import.meta.url);
const workerOptions: WorkerOptions = inSources ? { execArgv: ['--conditions=safetune-source'] } : {};

/** Files that are looked into at once; more wait for none, as whoever asks can ask again. */
const atOnce = 2;
/** Tenants whose file is looked into: one of each, so that nobody keeps others from theirs. */
const running = new Set<string>();

type ResultOf<Task extends InspectionCall['task']> = Task extends { readonly type: 'preview' }
  ? Preview
  : TokenCount;

/**
 * Looks into a file of a tenant's, in a thread with bounds of its own.
 *
 * @param milliseconds after which it is ended.
 * @throws ApiError 400 for a file that is no training data, or takes too long; 429 when too many are looked into; 503 for a model whose
 * tokenizer cannot be loaded.
 */
export async function inspectFile<Task extends InspectionCall['task']>(
  storage: Storage,
  file: FileRecord,
  call: Omit<InspectionCall, 'file' | 'task'> & { readonly task: Task },
  signal: AbortSignal,
  milliseconds = 60_000,
): Promise<ResultOf<Task>> {
  const { tenant } = file;
  if (running.size >= atOnce || running.has(tenant)) {
    throw new ApiError(429, 'Too many files are being looked into. Try again in some seconds.', {
      code: 'too_many_inspections',
      retryAfter: 5,
    });
  }
  running.add(tenant);
  const folder = await mkdtemp(join(tmpdir(), 'safetune-inspection-'));
  try {
    const path = join(folder, 'data.jsonl');
    await storage.fetch(file.key, path);
    const ended = AbortSignal.any([signal, AbortSignal.timeout(milliseconds)]);
    const result = await inThread({ ...call, file: path }, ended);
    if (result.type === 'done') return result.result as ResultOf<Task>;
    if (result.type === 'unavailable')
      throw modelUnavailable(new Error(`the model in ${call.model} could not be loaded: ${result.reason}`));
    // Errors of data name the file by its path, which is ours.
    throw notTrainable(result.message.replaceAll(path, 'the file'));
  } finally {
    running.delete(tenant);
    await rm(folder, { recursive: true, force: true });
  }
}

async function inThread(call: InspectionCall, ended: AbortSignal): Promise<InspectionResult> {
  ended.throwIfAborted();
  const worker = new Worker(program, {
    ...workerOptions,
    name: 'inspection',
    workerData: call,
    env: process.env,
    resourceLimits: { maxOldGenerationSizeMb: 1024 },
  });
  try {
    return await new Promise<InspectionResult>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', (error: Error & { readonly code?: string }) =>
        reject(
          error.code === 'ERR_WORKER_OUT_OF_MEMORY'
            ? notTrainable('it takes too much memory to look into')
            : error,
        ),
      );
      worker.once('exit', (code) => reject(new Error(`the thread of an inspection ended with ${code}`)));
      ended.addEventListener('abort', () => reject(notTrainable('it takes too long to look into')), {
        once: true,
      });
    });
  } finally {
    await worker.terminate();
  }
}

function notTrainable(why: string): ApiError {
  return new ApiError(400, `The file cannot be trained on: ${why}`, {
    code: 'invalid_training_file',
    param: 'training_file',
  });
}
