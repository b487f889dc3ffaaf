import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { openRegularFile, readTensor, type TensorRegion, type WeightSource } from '@safetune/tensor';
import { GgufError } from '../../errors.ts';
import type { Architecture } from './architectures/architecture.ts';
import { ArchitectureKeys } from './architectures/architecture-keys.ts';
import { architectures } from './architectures/architectures.ts';
import { partsOfFile } from './part-names.ts';
import type { GgufFile } from './read-gguf.ts';
import { readParts } from './read-parts.ts';
import { readSpecialIds, tokenizerConfigJson, tokenizerJson } from './tokenizer/tokenizer-files.ts';
import { ggufWeights } from './weights.ts';

/** A model in a GGUF file, as the folder of a Hugging Face checkpoint would have it. */
export interface GgufModel {
  readonly file: GgufFile;
  /**
   * The content of one of the folder's JSON files, made of the metadata: config.json, generation_config.json, tokenizer.json
   * or tokenizer_config.json. Undefined for any other.
   *
   * @throws GgufError
   */
  json(name: string): Promise<unknown>;
  /** SHA-256 of such a file, by the same names. */
  digest(name: string): Promise<string | undefined>;
  /** Weights by their names in Hugging Face checkpoints. @throws GgufError */
  weights(): Promise<ReadonlyMap<string, WeightSource>>;
}

/** The last model opened: `loadModel` and `loadTokenizer` ask for several files of one. */
let last: { readonly identity: string; readonly model: Promise<GgufModel> } | undefined;

/**
 * The model of a GGUF file, or of several by the first; undefined for a path that is none: a folder, nothing, or a file that is neither called `.gguf` nor
 * begins as one (the files of Ollama have no ending).
 *
 * @throws GgufError
 */
export async function ggufModel(path: string): Promise<GgufModel | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined || !found.isFile()) return undefined;
  if (!path.endsWith('.gguf') && !(await beginsAsGguf(path))) return undefined;
  const parts = await Promise.all(partsOfFile(path).map(fileState));
  // A file that was changed just now may change once more without another time stamp.
  if (parts.some((part) => part?.isSettling)) return modelOfGguf(await readParts(path));
  const identity = [path, ...parts.map((part) => part?.identity)].join(':');
  if (last?.identity !== identity) last = { identity, model: readParts(path).then(modelOfGguf) };
  return last.model;
}

async function fileState(path: string) {
  const found = await stat(path, { bigint: true }).catch(() => undefined);
  if (found === undefined) return undefined;
  const { dev, ino, size, mtimeNs, ctimeNs, ctimeMs } = found;
  return {
    identity: [dev, ino, size, mtimeNs, ctimeNs].join(':'),
    isSettling: Date.now() - Number(ctimeMs) < settlingMilliseconds,
  };
}

const settlingMilliseconds = 2000;

async function beginsAsGguf(path: string): Promise<boolean> {
  const { handle } = await openRegularFile(path);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(4), 0, 4, 0);
    return bytesRead === 4 && buffer.toString('latin1') === 'GGUF';
  } finally {
    await handle.close();
  }
}

/** @throws GgufError for a file that is no language model, or one of an architecture that is not read. */
export function modelOfGguf(file: GgufFile): GgufModel {
  requireLanguageModel(file);
  const architecture = findArchitecture(file);
  const config = once(() => configJson(file, architecture));
  const files: Readonly<Record<string, () => unknown>> = {
    'config.json': config,
    'generation_config.json': once(() => generationConfigJson(file)),
    'tokenizer.json': once(() => tokenizerJson(file.metadata)),
    'tokenizer_config.json': once(() => tokenizerConfigJson(file.metadata)),
  };
  const json = async (name: string) => (Object.hasOwn(files, name) ? files[name]!() : undefined);
  return {
    file,
    json,
    async digest(name) {
      const content = await json(name);
      if (content === undefined) return undefined;
      return createHash('sha256').update(JSON.stringify(content)).digest('hex');
    },
    weights: async () => ggufWeights(file, architecture, await config()),
  };
}

function once<Result>(make: () => Result): () => Result {
  let made: { readonly result: Result } | undefined;
  return () => {
    made ??= { result: make() };
    return made.result;
  };
}

function requireLanguageModel({ path, metadata }: GgufFile): void {
  const kind = metadata.text('general.type') ?? 'model';
  if (kind === 'model') return;
  const advice =
    kind === 'adapter' ? '; give the base model as the model, and the adapter as PEFT folder' : '';
  throw new GgufError('unsupported', path, 'general.type', `is '${kind}', not a language model${advice}`);
}

function findArchitecture({ path, metadata }: GgufFile): Architecture {
  const key = 'general.architecture';
  const name = metadata.required(key, metadata.text(key));
  const architecture = architectures.find((candidate) => candidate.name === name);
  if (architecture !== undefined) return architecture;
  const supported = architectures.map((candidate) => candidate.name).join(', ');
  throw new GgufError('unsupported', path, key, `is ${JSON.stringify(name)}; supported are ${supported}`);
}

async function configJson(file: GgufFile, architecture: Architecture): Promise<Record<string, unknown>> {
  const keys = new ArchitectureKeys(file.metadata, architecture.name);
  const config = await architecture.config({
    keys,
    tensors: file.tensors,
    readShortTensor: (name) => readShortTensor(file, name),
  });
  keys.requireAllHeeded();
  return { ...config, ...tokenIds(file) };
}

/** More than the features of any head. */
const longestShortTensor = 4096;

async function readShortTensor(file: GgufFile, name: string): Promise<Float32Array | undefined> {
  const tensor = file.tensors.get(name);
  if (tensor === undefined) return undefined;
  const { shape, type, file: location, offset, byteLength } = tensor;
  if (type.name !== 'F32' || shape.length !== 1 || shape[0]! > longestShortTensor) {
    throw new GgufError(
      'shape',
      file.path,
      name,
      `is ${type.name} [${shape.join(', ')}], not a short list of F32`,
    );
  }
  const region: TensorRegion = { name, dtype: 'float32', shape, file: location, offset, byteLength };
  return (await readTensor(region)).data as Float32Array;
}

function tokenIds({ metadata }: GgufFile): Record<string, unknown> {
  const { roles, ends } = readSpecialIds(metadata);
  return {
    bos_token_id: roles.bos_token ?? null,
    eos_token_id: ends.length > 1 ? ends : (ends[0] ?? null),
    pad_token_id: roles.pad_token ?? null,
  };
}

function generationConfigJson(file: GgufFile): Record<string, unknown> {
  const given = Object.entries(tokenIds(file)).filter(([, value]) => value !== null);
  return { ...samplingSettings(file), ...Object.fromEntries(given) };
}

const samplingPrefix = 'general.sampling.';

/** llama.cpp's names where transformers has others. */
const transformersNames: Readonly<Record<string, string>> = {
  temp: 'temperature',
  penalty_repeat: 'repetition_penalty',
};

/** How the model's makers want it to answer. Others than transformers' settings keep their names. */
function samplingSettings({ metadata }: GgufFile): Record<string, unknown> {
  const settings: Record<string, unknown> = {};
  for (const key of metadata.keys()) {
    if (!key.startsWith(samplingPrefix)) continue;
    const name = key.slice(samplingPrefix.length);
    const value = metadata.scalar(key);
    // Stored as float32: 0.6 is 0.60000002384.
    settings[transformersNames[name] ?? name] =
      typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(7)) : value;
  }
  return settings;
}
