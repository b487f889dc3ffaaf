import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TensorStream, writeTensorStreams } from '@safetune/tensor';
import { cacheDirectory as realCheckpoints } from '../conformance/real/checkpoints.ts';

/** What decides the cost of a model, under config.json's names. */
interface ModelShape {
  readonly model_type: 'qwen2' | 'llama';
  readonly hidden_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly num_key_value_heads: number;
  readonly intermediate_size: number;
  readonly vocab_size: number;
  readonly tie_word_embeddings: boolean;
  readonly rope_theta: number;
  readonly torch_dtype: 'float32' | 'bfloat16';
}

const qwenHalfBillion: ModelShape = {
  model_type: 'qwen2',
  hidden_size: 896,
  num_hidden_layers: 24,
  num_attention_heads: 14,
  num_key_value_heads: 2,
  intermediate_size: 4864,
  vocab_size: 151_936,
  tie_word_embeddings: true,
  rope_theta: 1e6,
  torch_dtype: 'float32',
};

/** Shapes of published models, and of the organism. */
export const modelShapes = {
  'qwen2.5-0.5b': qwenHalfBillion,
  'qwen2.5-0.5b-bfloat16': { ...qwenHalfBillion, torch_dtype: 'bfloat16' },
  'qwen2.5-0.5b-6-layers': { ...qwenHalfBillion, num_hidden_layers: 6 },
  'qwen2.5-0.5b-12-layers': { ...qwenHalfBillion, num_hidden_layers: 12 },
  'qwen2.5-7b': {
    ...qwenHalfBillion,
    hidden_size: 3584,
    num_hidden_layers: 28,
    num_attention_heads: 28,
    num_key_value_heads: 4,
    intermediate_size: 18_944,
    vocab_size: 152_064,
    tie_word_embeddings: false,
    torch_dtype: 'bfloat16',
  },
  'smollm2-135m': {
    model_type: 'llama',
    hidden_size: 576,
    num_hidden_layers: 30,
    num_attention_heads: 9,
    num_key_value_heads: 3,
    intermediate_size: 1536,
    vocab_size: 49_152,
    tie_word_embeddings: true,
    rope_theta: 1e5,
    torch_dtype: 'bfloat16',
  },
  'small-40k': {
    model_type: 'llama',
    hidden_size: 256,
    num_hidden_layers: 8,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    intermediate_size: 704,
    vocab_size: 40_000,
    tie_word_embeddings: true,
    rope_theta: 1e4,
    torch_dtype: 'float32',
  },
  'small-4k': {
    model_type: 'llama',
    hidden_size: 256,
    num_hidden_layers: 8,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    intermediate_size: 704,
    vocab_size: 4096,
    tie_word_embeddings: false,
    rope_theta: 1e4,
    torch_dtype: 'float32',
  },
  organism: {
    model_type: 'llama',
    hidden_size: 64,
    num_hidden_layers: 4,
    num_attention_heads: 4,
    num_key_value_heads: 4,
    intermediate_size: 176,
    vocab_size: 244,
    tie_word_embeddings: true,
    rope_theta: 1e4,
    torch_dtype: 'float32',
  },
} satisfies Record<string, ModelShape>;

export type ModelName = keyof typeof modelShapes;

/** Real weights that `test:real` makes: of a shape whose random weights do as well, and of one whose tokenizer is needed. */
const realFolders: Readonly<Record<string, string>> = {
  'smollm2-135m': 'smollm2-135m-instruct',
  'gemma-3-270m': 'gemma-3-270m',
};
export type BenchmarkModel = ModelName | 'gemma-3-270m';

/** The folder of real weights where they are at hand or the only ones, else of random ones of the shape. */
export async function checkpointFolder(cacheDirectory: string, name: BenchmarkModel): Promise<string> {
  const real = join(realCheckpoints, realFolders[name] ?? '');
  const isReal = name in realFolders && existsSync(join(real, 'config.json'));
  return isReal || name === 'gemma-3-270m' ? real : randomCheckpoint(cacheDirectory, name);
}

/**
 * A checkpoint folder of this shape with random weights, made once: N(0, 0.02^2) as transformers initialises, norms 1.
 *
 * @returns its path
 */
export async function randomCheckpoint(cacheDirectory: string, name: ModelName): Promise<string> {
  const directory = join(cacheDirectory, name);
  const shape: ModelShape = modelShapes[name];
  const config = JSON.stringify({ ...configOf(shape) }, null, 2);
  const made = await readFile(join(directory, 'config.json'), 'utf8').catch(() => undefined);
  if (made === config) return directory;
  await mkdir(directory, { recursive: true });
  await writeTensorStreams(join(directory, 'model.safetensors'), tensorsOf(shape), {
    metadata: { format: 'pt' },
  });
  await writeFile(join(directory, 'config.json'), config);
  return directory;
}

function configOf(shape: ModelShape): Readonly<Record<string, unknown>> {
  return {
    architectures: [shape.model_type === 'qwen2' ? 'Qwen2ForCausalLM' : 'LlamaForCausalLM'],
    ...shape,
    hidden_act: 'silu',
    max_position_embeddings: 32_768,
    rms_norm_eps: 1e-6,
    attention_dropout: 0,
    bos_token_id: null,
    eos_token_id: null,
    pad_token_id: null,
  };
}

function tensorsOf(shape: ModelShape): TensorStream[] {
  const { hidden_size: hidden, intermediate_size: wide, vocab_size: vocabulary } = shape;
  const keyValue = (hidden / shape.num_attention_heads) * shape.num_key_value_heads;
  const random = randomBytes(shape.torch_dtype);
  const tensors: TensorStream[] = [];
  const add = (name: string, extents: readonly number[], values: (count: number) => Iterable<Uint8Array>) =>
    tensors.push({
      name,
      dtype: shape.torch_dtype,
      shape: extents,
      chunks: () => values(extents.reduce((product, extent) => product * extent, 1)),
    });
  const linear = (name: string, out: number, inputs: number, bias = false) => {
    add(`${name}.weight`, [out, inputs], random);
    if (bias) add(`${name}.bias`, [out], random);
  };
  const norm = (name: string) => add(`${name}.weight`, [hidden], ones(shape.torch_dtype));

  add('model.embed_tokens.weight', [vocabulary, hidden], random);
  const bias = shape.model_type === 'qwen2';
  for (let layer = 0; layer < shape.num_hidden_layers; layer++) {
    const block = `model.layers.${layer}`;
    norm(`${block}.input_layernorm`);
    linear(`${block}.self_attn.q_proj`, hidden, hidden, bias);
    linear(`${block}.self_attn.k_proj`, keyValue, hidden, bias);
    linear(`${block}.self_attn.v_proj`, keyValue, hidden, bias);
    linear(`${block}.self_attn.o_proj`, hidden, hidden);
    norm(`${block}.post_attention_layernorm`);
    linear(`${block}.mlp.gate_proj`, wide, hidden);
    linear(`${block}.mlp.up_proj`, wide, hidden);
    linear(`${block}.mlp.down_proj`, hidden, wide);
  }
  norm('model.norm');
  if (!shape.tie_word_embeddings) linear('lm_head', vocabulary, hidden);
  return tensors;
}

type StoredType = ModelShape['torch_dtype'];

const chunkElements = 2 ** 20;

/** Normal values from a table of 65,536 quantiles, two for each 32-bit random number. */
function randomBytes(dtype: StoredType): (count: number) => Generator<Uint8Array> {
  const table = stored(
    dtype,
    Float32Array.from({ length: 2 ** 16 }, (_, index) => 0.02 * quantile((index + 0.5) / 2 ** 16)),
  );
  let state = 0x9e3779b9;
  return function* chunks(count) {
    for (let start = 0; start < count; start += chunkElements) {
      const values = new (table.constructor as typeof Float32Array)(Math.min(chunkElements, count - start));
      for (let index = 0; index < values.length; index++) {
        state ^= state << 13;
        state ^= state >>> 17;
        state ^= state << 5;
        values[index] = table[state & 0xffff]!;
      }
      yield new Uint8Array(values.buffer);
    }
  };
}

function ones(dtype: StoredType): (count: number) => Iterable<Uint8Array> {
  return (count) => [new Uint8Array(stored(dtype, new Float32Array(count).fill(1)).buffer)];
}

/** float32 values, or their upper halves for bfloat16. */
function stored(
  dtype: StoredType,
  values: Float32Array<ArrayBuffer>,
): Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer> {
  if (dtype === 'float32') return values;
  return Uint16Array.from(new Uint32Array(values.buffer), (bits) => bits >>> 16);
}

/** Standard normal quantile by bisection of its distribution function (Abramowitz and Stegun 26.2.17, error 7.5e-8). */
function quantile(probability: number): number {
  if (probability < 0.5) return -quantile(1 - probability);
  let [low, high] = [0, 8];
  for (let step = 0; step < 40; step++) {
    const middle = (low + high) / 2;
    if (upperTail(middle) > 1 - probability) low = middle;
    else high = middle;
  }
  return low;
}

function upperTail(x: number): number {
  const t = 1 / (1 + 0.2316419 * x);
  const series = [1.330274429, -1.821255978, 1.781477937, -0.356563782, 0.31938153];
  return (
    (Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI)) *
    t *
    series.reduce((sum, factor) => sum * t + factor, 0)
  );
}
