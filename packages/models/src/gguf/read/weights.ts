import type { TensorRegion, WeightSource } from '@safetune/tensor';
import { GgufError } from '../../errors.ts';
import type { Architecture, TensorChange } from './architectures/architecture.ts';
import { type Dequantize, dequantizers } from './dequantize.ts';
import type { GgufFile, GgufTensor } from './read-gguf.ts';

/** Types that the tensor package reads in place or widens. */
const plainTypes: Readonly<Record<string, TensorRegion['dtype']>> = {
  F32: 'float32',
  F16: 'float16',
  BF16: 'bfloat16',
};

/** Tensors outside of blocks. */
const topLevel: Readonly<Record<string, string>> = {
  token_embd: 'model.embed_tokens',
  output_norm: 'model.norm',
  output: 'lm_head',
};

/**
 * The weights of a GGUF file by their names in Hugging Face checkpoints, as those have them. Names that the architecture does
 * not have stay.
 *
 * @throws GgufError (`type`) for a tensor of a type that is not decoded.
 */
export function ggufWeights(
  file: GgufFile,
  architecture: Architecture,
  config: Readonly<Record<string, unknown>>,
): ReadonlyMap<string, WeightSource> {
  const weights = new Map<string, WeightSource>();
  for (const tensor of file.tensors.values()) {
    if (architecture.settings.includes(tensor.name)) continue;
    const [, layer, module, part] = /^(?:blk\.(\d+)\.)?(\w+)\.(weight|bias)$/.exec(tensor.name) ?? [];
    const place =
      module === undefined
        ? undefined
        : layer === undefined
          ? ownValue(topLevel, module)
          : blockModule(layer, ownValue(architecture.blocks, module));
    const name = place === undefined ? tensor.name : `${place}.${part}`;
    const change = place === undefined ? undefined : architecture.change?.(module!, config);
    if (weights.has(name))
      throw new GgufError('duplicate', file.path, tensor.name, 'stands in the file under two names');
    weights.set(name, weightSource(file, tensor, name, change));
  }
  return weights;
}

function blockModule(layer: string, module: string | undefined): string | undefined {
  return module === undefined ? undefined : `model.layers.${layer}.${module}`;
}

function ownValue(values: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(values, key) ? values[key] : undefined;
}

function weightSource(
  { path }: GgufFile,
  { name: stored, shape, type, file, offset, byteLength }: GgufTensor,
  name: string,
  change: TensorChange | undefined,
): WeightSource {
  const dequantize = dequantizers.get(type.name);
  if (dequantize === undefined) {
    const message = `is stored as ${type.name}, which is not decoded; decoded are ${[...dequantizers.keys()].join(', ')}: get the model in another quantisation, such as Q4_K_M or Q8_0`;
    throw new GgufError('type', path, stored, message);
  }
  const place = { file, offset, byteLength };
  const dtype = plainTypes[type.name];
  if (dtype !== undefined && change === undefined) return { name, dtype, shape, ...place };
  const [rows] = shape as readonly [number];
  if (shape.length === 1 && type.blockSize > 1) {
    throw new GgufError(
      'type',
      path,
      stored,
      `is a list in ${type.name}; lists are stored as F32, F16 or BF16`,
    );
  }
  const described = [type.name, stored, name, ...(change === undefined ? [] : Object.values(change))];
  const encoded = {
    name,
    shape,
    dtype: 'float32',
    stored: { name: described.join(' '), dtype: 'uint8', shape: [rows, byteLength / rows], ...place },
  } as const;
  switch (change?.kind) {
    case undefined:
      return { ...encoded, rowsTogether: 1, decode: dequantize };
    case 'one added':
      return { ...encoded, rowsTogether: 1, decode: oneLess(dequantize) };
    case 'interleaved heads': {
      const headSize = rows / change.heads;
      if (!Number.isInteger(headSize) || headSize % 2 !== 0) {
        throw new GgufError(
          'shape',
          path,
          stored,
          `has ${rows} rows, which ${change.heads} heads cannot share evenly`,
        );
      }
      return {
        ...encoded,
        rowsTogether: headSize,
        decode: deinterleaved(dequantize, headSize, byteLength / rows),
      };
    }
  }
}

function oneLess(dequantize: Dequantize): Dequantize {
  return (bytes, values) => {
    dequantize(bytes, values);
    for (let index = 0; index < values.length; index++) values[index]! -= 1;
  };
}

/** Row 2 i + s of a head goes to row i + s headSize / 2. */
function deinterleaved(dequantize: Dequantize, headSize: number, rowBytes: number): Dequantize {
  return (bytes, values) => {
    const rows = bytes.length / rowBytes;
    const columns = values.length / rows;
    for (let row = 0; row < rows; row++) {
      const inHead = row % headSize;
      const target = row - inHead + (inHead >> 1) + (inHead & 1) * (headSize / 2);
      dequantize(
        bytes.subarray(row * rowBytes, (row + 1) * rowBytes),
        values.subarray(target * columns, (target + 1) * columns),
      );
    }
  };
}
