import type { ModelConfig } from '../../config.ts';
import { ExportError } from '../../errors.ts';
import type { GgufArchitecture } from './architectures/architecture.ts';

/** The names of tensors outside the blocks. */
const outerTensors: Readonly<Record<string, string>> = {
  'model.embed_tokens': 'token_embd',
  'model.norm': 'output_norm',
  lm_head: 'output',
};

/** A tensor's place in llama.cpp, and what is done to it. */
export interface GgufPlace {
  readonly name: string;
  /** How many heads its rows are of, when they have to be interleaved. */
  readonly heads?: number;
  /** Added to its values. */
  readonly offset?: number;
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
  if (architecture.addsOneToNorms && found.endsWith('norm')) return { ...place, offset: 1 };
  if (!architecture.interleavesHeads) return place;
  if (found === 'attn_q') return { ...place, heads: config.headCount };
  if (found === 'attn_k') return { ...place, heads: config.keyValueHeadCount };
  return place;
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
