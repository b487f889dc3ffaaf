/** The entry of worker threads: what runs there when `startWorkerThread` starts one. */
import type { TokenizeStreamOptions } from '@safetune/datasets';
import type { LoraAdapter } from '@safetune/lora';
import {
  createGenerator,
  loadModel,
  loadTokenizer,
  type TokenGenerator,
  type Tokenizer,
} from '@safetune/models';
import { loadRegularizerModules, regularizerFromConfig } from '@safetune/regularizers';
import { trainIntoTakenDirectory } from '../run/run-directory.ts';
import { sentinelFromConfig } from '../sentinel/config.ts';
import { openAdapter, setParameters } from './adapter-description.ts';
import { serveCalls } from './serve-calls.ts';

let generator: TokenGenerator | undefined;
let generatorAdapter: LoraAdapter | undefined;
/** Loaded when stop strings first need it. */
let generatorTokenizer: () => Promise<Tokenizer>;

serveCalls({
  async train(
    { model: directory, modelOptions, tokenizer, regularizers = [], sentinel, tellSkipped, ...options },
    { emit, signal, onStop },
  ) {
    const skipping: TokenizeStreamOptions = { onSkipped: (example) => emit({ type: 'skipped', example }) };
    const model = await loadModel(directory, modelOptions);
    const adapter = await openAdapter(options.adapter, model);
    try {
      await loadRegularizerModules(regularizers);
      return await trainIntoTakenDirectory({
        ...options,
        model,
        tokenizer: await loadTokenizer(tokenizer ?? directory),
        adapter,
        regularizers: regularizers.map(regularizerFromConfig),
        ...(sentinel === undefined ? {} : { sentinel: await sentinelFromConfig(sentinel) }),
        tokenize: { ...options.tokenize, ...(tellSkipped ? skipping : {}) },
        onEvent(event, run) {
          if (event.type === 'start') onStop((reason) => run.stop(reason));
          emit({ type: 'progress', event });
        },
        signal,
      });
    } finally {
      emit({ type: 'parameters', values: adapter.parameters });
    }
  },

  async createGenerator({ model: directory, modelOptions, tokenizer = directory, adapter, runtime }) {
    let loaded: Promise<Tokenizer> | undefined;
    generatorTokenizer = () => {
      loaded ??= loadTokenizer(tokenizer);
      return loaded;
    };
    const model = await loadModel(directory, { purpose: 'generation', ...modelOptions });
    generatorAdapter = adapter === undefined ? undefined : await openAdapter(adapter, model);
    generator = await createGenerator(model, {
      ...runtime,
      ...(generatorAdapter === undefined ? {} : { adapter: generatorAdapter }),
    });
  },

  async generate({ prompts, options, tellTokens, parameters }, { emit, signal }) {
    if (generatorAdapter !== undefined && parameters !== undefined)
      setParameters(generatorAdapter, parameters);
    return generator!.generate(prompts, {
      ...options,
      ...(options.stopStrings === undefined ? {} : { tokenizer: await generatorTokenizer() }),
      ...(tellTokens ? { onToken: (made) => emit({ type: 'token', made }) } : {}),
      onProgress: (progress) => emit({ type: 'progress', progress }),
      signal,
    });
  },

  async release() {
    await generator?.release();
    generator = undefined;
  },
});
