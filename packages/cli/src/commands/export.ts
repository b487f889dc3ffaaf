import { stat } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { linearUpdates, loadLoraAdapter, mergedTensors } from '@safetune/lora';
import {
  type GgufTensorType,
  withCheckpointFolder,
  writeGgufAdapter,
  writeGgufModel,
  writeModelfile,
  writeOnnxModel,
} from '@safetune/models';
import { strictCommand } from '../command.ts';
import { adapterDescription, adapterFolder, modelFolder, modelOption } from '../hub-names.ts';
import { tellInferencePrompt } from '../inference-prompt.ts';
import { refuseToOverwrite } from '../separate-paths.ts';
import { note, print } from '../terminal/output.ts';
import { UsageError } from '../usage-error.ts';

const formats = ['gguf', 'gguf-lora', 'onnx'] as const;
const types: readonly GgufTensorType[] = ['f32', 'f16', 'bf16', 'q8_0'];

/** llama.cpp's adapters hold updates of matrices alone. */
const ggufAdvice = 'llama.cpp reads no such adapter; merge it into the model, with --format gguf';

/** `safetune export`: a model, with or without an adapter merged in, or the adapter alone, for other programs. */
export const exportCommand = strictCommand({
  name: 'export',
  description:
    'Write a model, or an adapter, for llama.cpp and Ollama (GGUF), or for ONNX Runtime and transformers.js (ONNX).',
  example:
    'export --model ./model --adapter ./adapter --format gguf --type q8_0 --out model.gguf --modelfile Modelfile',
  options: {
    model: modelOption,
    adapter: {
      type: 'string',
      path: 'input',
      valueHint: 'DIR',
      description: `${adapterDescription}; merged into the model, or (gguf-lora) written by itself`,
    },
    format: {
      type: 'string',
      required: true,
      valueHint: 'NAME',
      description: 'gguf (a model), gguf-lora (an adapter) or onnx (a model, in float32)',
    },
    type: {
      type: 'string',
      valueHint: 'NAME',
      description:
        'of GGUF, how matrices are stored: f16 (default), q8_0, bf16 or f32 (default of gguf-lora)',
    },
    out: {
      type: 'string',
      path: 'output',
      required: true,
      valueHint: 'PATH',
      description: 'GGUF file; or folder, which onnx/model.onnx, the configuration and the tokenizer go into',
    },
    modelfile: {
      type: 'string',
      path: 'output',
      valueHint: 'FILE',
      description: 'of GGUF, also write a Modelfile: ollama create NAME -f FILE',
    },
    from: {
      type: 'string',
      valueHint: 'NAME',
      description:
        'with gguf-lora and --modelfile: the model in Ollama, or its GGUF file, which the adapter is for',
    },
    force: { type: 'boolean', description: 'write over what is in the place of --out and --modelfile' },
  },
  async run({ args }) {
    const request = requestOf(args);
    const force = args.force === true;
    const main = request.format === 'onnx' ? join(args.out, 'onnx', 'model.onnx') : args.out;
    await refuseToOverwrite(main, { force, holds: 'a file' });
    if (args.modelfile !== undefined) await refuseToOverwrite(args.modelfile, { force, holds: 'a file' });
    await withCheckpointFolder(await modelFolder(args.model), (model) => write(model, request, args));
  },
});

/** Writes what is asked for, of the model in a checkpoint folder. */
async function write(
  model: string,
  request: ReturnType<typeof requestOf>,
  args: Pick<RawOptions, 'adapter' | 'modelfile' | 'from'> & { readonly out: string },
): Promise<void> {
  const adapterDirectory = args.adapter === undefined ? undefined : await adapterFolder(args.adapter);
  const adapter = adapterDirectory === undefined ? undefined : await loadLoraAdapter(adapterDirectory);
  if (adapterDirectory !== undefined) await tellInferencePrompt(adapterDirectory);
  const replaced = adapter === undefined ? undefined : await mergedTensors(model, adapter);
  if (request.format === 'onnx') {
    const files = await writeOnnxModel(model, args.out, replaced === undefined ? {} : { replaced });
    print(
      `${files.join(' and ')} written, ${await megabytes(files)}; inputs and outputs as Optimum names them\n`,
    );
    return;
  }
  const { type } = request;
  const written =
    request.format === 'gguf-lora'
      ? await writeGgufAdapter(model, linearUpdates(adapter!, ggufAdvice), args.out, { type })
      : await writeGgufModel(model, args.out, { type, ...(replaced === undefined ? {} : { replaced }) });
  for (const difference of written.differences) note(`${difference}\n`);
  const facts = `${written.architecture}, ${written.tensors} tensors, ${type}, ${await megabytes([args.out])}`;
  print(`${args.out} written: ${facts}\n`);
  if (args.modelfile !== undefined) {
    const gguf = pathFrom(args.modelfile, args.out);
    const { hasTemplate } = await writeModelfile(
      model,
      args.modelfile,
      request.format === 'gguf-lora' ? { from: args.from!, adapter: gguf } : { from: gguf },
    );
    if (!hasTemplate) {
      note('the chat template cannot be written as one of Ollama; the Modelfile has no TEMPLATE\n');
    }
    print(`${args.modelfile} written: ollama create NAME -f ${args.modelfile}\n`);
  }
}

interface RawOptions {
  readonly adapter?: string | undefined;
  readonly format: string;
  readonly type?: string | undefined;
  readonly modelfile?: string | undefined;
  readonly from?: string | undefined;
}

/** What is asked for. @throws UsageError for options that do not go together. */
function requestOf({ adapter, format: name, type: typeName, modelfile, from }: RawOptions) {
  const format = formats.find((each) => each === name);
  if (format === undefined) throw new UsageError(`--format '${name}' must be one of ${formats.join(', ')}`);
  if (format === 'gguf-lora' && adapter === undefined) {
    throw new UsageError('--format gguf-lora needs --adapter DIR: it writes the adapter by itself');
  }
  if (format === 'onnx' && (typeName !== undefined || modelfile !== undefined)) {
    throw new UsageError('--type and --modelfile belong to GGUF; an ONNX model is in float32');
  }
  const needsFrom = format === 'gguf-lora' && modelfile !== undefined;
  if (needsFrom && from === undefined) {
    throw new UsageError(
      '--modelfile of an adapter needs --from NAME: the model in Ollama, or its GGUF file',
    );
  }
  if (!needsFrom && from !== undefined) {
    throw new UsageError('--from belongs to --format gguf-lora with --modelfile');
  }
  const type = types.find((each) => each === (typeName ?? (format === 'gguf-lora' ? 'f32' : 'f16')));
  if (type === undefined) throw new UsageError(`--type '${typeName}' must be one of ${types.join(', ')}`);
  return { format, type };
}

async function megabytes(files: readonly string[]): Promise<string> {
  const sizes = await Promise.all(files.map(async (file) => (await stat(file)).size));
  return `${(sizes.reduce((sum, size) => sum + size, 0) / 1e6).toFixed(1)} MB`;
}

/** A path as a Modelfile names it: relative to its own folder. */
function pathFrom(modelfile: string, file: string): string {
  const path = relative(dirname(resolve(modelfile)), resolve(file)).replaceAll('\\', '/');
  return path.startsWith('.') ? path : `./${path}`;
}
