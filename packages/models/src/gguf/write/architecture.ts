import type { ModelConfig } from '../../config.ts';
import { ExportError } from '../../errors.ts';
import { inverseFrequencies } from '../../blocks/rotary.ts';
import type { GgufMetadata } from './file.ts';

/** How llama.cpp runs a family of models. */
export interface GgufArchitecture {
  /** `general.architecture`, and what its metadata keys begin with. */
  readonly name: string;
  /** Names of a block's tensors by theirs in Hugging Face checkpoints. */
  readonly blockTensors: Readonly<Record<string, string>>;
  /** Features that turn together lie side by side, not half a head apart: rows of queries and keys move. */
  readonly interleavesHeads: boolean;
}

const llamaTensors = {
  input_layernorm: 'attn_norm',
  'self_attn.q_proj': 'attn_q',
  'self_attn.k_proj': 'attn_k',
  'self_attn.v_proj': 'attn_v',
  'self_attn.o_proj': 'attn_output',
  post_attention_layernorm: 'ffn_norm',
  'mlp.gate_proj': 'ffn_gate',
  'mlp.up_proj': 'ffn_up',
  'mlp.down_proj': 'ffn_down',
} as const;

/** By `model_type`. */
const architectures: Readonly<Record<string, GgufArchitecture>> = {
  llama: { name: 'llama', blockTensors: llamaTensors, interleavesHeads: true },
  qwen2: { name: 'qwen2', blockTensors: llamaTensors, interleavesHeads: false },
};

/** @throws ExportError for a family that is not among them. */
export function architectureOf({ modelType }: ModelConfig, target: string): GgufArchitecture {
  const found = Object.hasOwn(architectures, modelType) ? architectures[modelType] : undefined;
  if (found !== undefined) return found;
  const known = Object.keys(architectures).join(', ');
  throw new ExportError(target, `models of type '${modelType}' cannot be written as GGUF; those that can are ${known}`);
}

/** The names of tensors outside the blocks. */
const outerTensors: Readonly<Record<string, string>> = {
  'model.embed_tokens': 'token_embd',
  'model.norm': 'output_norm',
  lm_head: 'output',
};

/** A tensor's place in llama.cpp. */
export interface GgufPlace {
  readonly name: string;
  /** How many heads its rows are of, when they have to be interleaved. */
  readonly heads?: number;
}

/** llama.cpp's name for the tensor `name` of a checkpoint. @throws ExportError when it has none. */
export function placeOf(
  name: string,
  architecture: GgufArchitecture,
  config: ModelConfig,
  target: string,
): GgufPlace {
  const [, module = '', end = ''] = /^(.*)\.(weight|bias)$/.exec(name) ?? [];
  const [, block, inner = ''] = /^model\.layers\.(\d+)\.(.*)$/.exec(module) ?? [];
  const table = block === undefined ? outerTensors : architecture.blockTensors;
  const key = block === undefined ? module : inner;
  const found = Object.hasOwn(table, key) ? table[key] : undefined;
  if (found === undefined) {
    throw new ExportError(target, `llama.cpp's ${architecture.name} has no place for the tensor '${name}'`);
  }
  const place = { name: `${block === undefined ? '' : `blk.${block}.`}${found}.${end}` };
  if (!architecture.interleavesHeads) return place;
  if (found === 'attn_q') return { ...place, heads: config.headCount };
  if (found === 'attn_k') return { ...place, heads: config.keyValueHeadCount };
  return place;
}

/** The hyperparameters that llama.cpp reads. @throws ExportError for a rotary scaling that it has not. */
export function architectureMetadata(
  { name }: GgufArchitecture,
  config: ModelConfig,
  target: string,
): GgufMetadata {
  const count = (value: number) => ({ type: 'uint32', value }) as const;
  const real = (value: number) => ({ type: 'float32', value }) as const;
  const entries: GgufMetadata = {
    vocab_size: count(config.vocabularySize),
    context_length: count(config.maximumPositions),
    embedding_length: count(config.hiddenSize),
    block_count: count(config.layerCount),
    feed_forward_length: count(config.intermediateSize),
    'attention.head_count': count(config.headCount),
    'attention.head_count_kv': count(config.keyValueHeadCount),
    'attention.key_length': count(config.headSize),
    'attention.value_length': count(config.headSize),
    'attention.layer_norm_rms_epsilon': real(config.normEpsilon),
    'rope.dimension_count': count(config.headSize),
    'rope.freq_base': real(config.rotary.base),
    ...ropeScaling(config, target),
  };
  return Object.fromEntries(Object.entries(entries).map(([key, value]) => [`${name}.${key}`, value]));
}

function ropeScaling({ rotary }: ModelConfig, target: string): GgufMetadata {
  switch (rotary.kind) {
    case 'default':
    // By a tensor of its own.
    case 'llama3':
      return {};
    case 'linear':
      return {
        'rope.scaling.type': { type: 'string', value: 'linear' },
        'rope.scaling.factor': { type: 'float32', value: rotary.factor },
      };
    default:
      throw new ExportError(
        target,
        `rotary scaling of type '${(rotary as { kind: string }).kind}' cannot be written as GGUF yet`,
      );
  }
}

/** What llama.cpp divides each pair's frequency by (`rope_freqs.weight`); undefined where it needs no telling. */
export function ropeFactors({ rotary, headSize }: ModelConfig): Float32Array | undefined {
  if (rotary.kind !== 'llama3') return undefined;
  const plain = inverseFrequencies(headSize, { kind: 'default', base: rotary.base });
  const scaled = inverseFrequencies(headSize, rotary);
  return plain.map((frequency, pair) => frequency / scaled[pair]!);
}

/**
 * Rows of queries or keys [heads * headSize, columns] in llama.cpp's order for its own rotary embedding: the two
 * features of a pair, which lie half a head apart in Hugging Face checkpoints, side by side. A copy.
 */
export function interleaveHeads(values: Float32Array, rows: number, heads: number): Float32Array {
  const columns = values.length / rows;
  const half = rows / heads / 2;
  const result = new Float32Array(values.length);
  for (let head = 0; head < heads; head++) {
    for (let pair = 0; pair < half; pair++) {
      for (let part = 0; part < 2; part++) {
        const from = ((head * 2 + part) * half + pair) * columns;
        const to = ((head * half + pair) * 2 + part) * columns;
        result.set(values.subarray(from, from + columns), to);
      }
    }
  }
  return result;
}
