import type { TokenGenerator } from '@safetune/models';
import { checkOptionNames, runtimeNames, workerGeneratorNames } from '../option-names.ts';
import { cloneableAdapter } from './adapter-description.ts';
import type { GeneratorCall } from './protocol.ts';
import { defaultGraceMilliseconds, startWorkerThread } from './worker-thread.ts';

/** What a generator in a worker is made of: the model as a folder; the adapter a `LoraAdapter`, a description or a folder. */
export interface WorkerGeneratorOptions extends GeneratorCall {
  /**
   * How long `generate` may go on after its signal before the thread is ended, in milliseconds; the generator is then gone.
   * Default 10,000.
   */
  readonly graceMilliseconds?: number;
}

/**
 * `createGenerator` in a worker thread: the same `generate` and `release`, while this thread stays free. The values
 * of an adapter given with `parameters` are read anew at each call of `generate`. Stop strings are found with the tokenizer
 * of the folder, not with one that `generate` is given.
 *
 * @throws what loading the model and `createGenerator` throw; see {@link trainIntoDirectoryInWorker} about errors.
 *
 * @example
 * const generator = await createGeneratorInWorker({ model: 'Qwen2.5-0.5B-Instruct', adapter: './adapter' });
 * const [answer] = await answerChats(generator, tokenizer, [messages], { maxNewTokens: 64 });
 * await generator.release();
 */
export async function createGeneratorInWorker(options: WorkerGeneratorOptions): Promise<TokenGenerator> {
  checkOptionNames('createGeneratorInWorker', options, workerGeneratorNames);
  checkOptionNames('runtime', options.runtime, runtimeNames);
  const { adapter, graceMilliseconds = defaultGraceMilliseconds, ...others } = options;
  const values = typeof adapter === 'string' ? undefined : adapter?.parameters;
  const thread = startWorkerThread();
  try {
    await thread.call('createGenerator', {
      ...others,
      ...(adapter === undefined ? {} : { adapter: cloneableAdapter(adapter) }),
    });
  } catch (error) {
    await thread.close();
    throw error;
  }
  return {
    generate: (prompts, { onProgress, onToken, tokenizer: _ownTokenizer, signal, ...generateOptions }) =>
      thread.call(
        'generate',
        {
          prompts,
          options: generateOptions,
          tellTokens: onToken !== undefined,
          ...(values === undefined ? {} : { parameters: values.slice() }),
        },
        {
          signal,
          graceMilliseconds: () => graceMilliseconds,
          onEvent: (event) => {
            if (event.type === 'token') onToken?.(event.made);
            else onProgress?.(event.progress);
          },
        },
      ),
    async release() {
      await thread.call('release', undefined);
      await thread.close();
    },
  };
}
