import {
  type DropoutDraw,
  type DropoutExtents,
  drawDropout,
  dropoutSignature,
  type LoraAdapter,
} from '@safetune/lora';
import type { AdaptedForward, CausalLm } from '@safetune/models';
import {
  type HostArray,
  hostArray,
  readTensor,
  type Tensor,
  type TensorRegion,
  type TensorType,
} from '@safetune/tensor';
import { InsufficientMemoryError } from '../errors.ts';
import { availableMemory } from '../memory/available-memory.ts';

/**
 * What a run trains: values in one flat buffer, views of it by name that enter the graph as inputs, and how the
 * model uses them traced.
 */
export interface Trainable {
  /** All trained values; the optimizer works on this buffer in place. */
  readonly parameters: Float32Array;
  /** Row-major views of `parameters` by input name. */
  readonly tensors: Readonly<Record<string, HostArray>>;
  /** What is fed besides and stays as it is, by input name. */
  readonly frozen?: Readonly<Record<string, HostArray>>;
  /** What is drawn anew for each forward pass in training, such as dropout. */
  readonly drawn?: DrawnInputs;
  /**
   * How a forward pass in training uses the traced inputs.
   *
   * @param piece which piece of rows the output layer is applied to. Default 0
   */
  forward(traced: Readonly<Record<string, Tensor>>, piece?: number): AdaptedForward;
  /** The adapter, when one is trained: what regularizers that act on weights work on. */
  readonly adapter?: LoraAdapter;
}

/** Inputs whose values are drawn for each forward pass, from nothing but what the draw says. */
export interface DrawnInputs {
  /** Types by input name. @param pieces pieces in which rows go through the output layer */
  types(pieces: number): Readonly<Record<string, TensorType>>;
  /** @param draw undefined for a forward pass that is no training: then they do nothing */
  values(draw: DropoutDraw | undefined, extents: DrawnExtents): Readonly<Record<string, HostArray>>;
}

/** How large the batch is that a draw is for. */
export interface DrawnExtents extends DropoutExtents {
  /** [batch], tokens of each row without its padding. */
  readonly lengths: Int32Array;
}

/** Views of a buffer that is laid out as the trainable's own, by the names of its tensors. */
export function viewsOf({ tensors, parameters }: Trainable, flat: Float32Array): Record<string, HostArray> {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, { data, offset, size, shape }]) => {
      const values = data as Float32Array;
      const start = (values.byteOffset - parameters.byteOffset) / values.BYTES_PER_ELEMENT + offset;
      return [name, hostArray(flat.subarray(start, start + size), shape)];
    }),
  );
}

/** Trains a LoRA adapter, with its dropout; the model's own weights stay as they are. */
export function trainAdapter(adapter: LoraAdapter): Trainable {
  const { parameters, trained, tensors, config } = adapter;
  return {
    parameters,
    tensors: trained,
    frozen: Object.fromEntries(Object.entries(tensors).filter(([name]) => !(name in trained))),
    ...(config.lora_dropout === 0
      ? {}
      : {
          drawn: {
            types: (pieces) => dropoutSignature(adapter, pieces),
            values: (draw, extents) => drawDropout(adapter, draw, extents),
          },
        }),
    forward: (traced, piece = 0) => adapter.forward(traced, { piece }),
    adapter,
  };
}

/** Options of {@link trainAllWeights}. */
export interface AllWeightsOptions {
  /** Bytes that the process may have. Default: what it has, and nine tenths of what the system has left. */
  readonly memoryLimit?: number;
}

/**
 * Trains every weight of a model (full-parameter training), starting from its checkpoint's values, which are read into
 * memory as float32. With gradients and AdamW's moments that makes 16 bytes a parameter, whatever the memory mode.
 *
 * @throws InsufficientMemoryError, before anything is read, when these alone do not fit; TrainOptionError for a limit
 * without meaning; SafetensorsError when weights cannot be read.
 */
export async function trainAllWeights(
  model: CausalLm,
  { memoryLimit }: AllWeightsOptions = {},
): Promise<Trainable> {
  const regions = [...model.weights.values()];
  const count = regions.reduce((total, region) => total + elementsOf(region), 0);
  requireMemory(count, memoryLimit);
  const parameters = new Float32Array(count);
  const tensors: Record<string, HostArray> = {};
  let offset = 0;
  for (const region of regions) {
    const values = parameters.subarray(offset, offset + elementsOf(region));
    values.set((await readTensor(region)).data as Float32Array);
    tensors[region.name] = hostArray(values, region.shape);
    offset += values.length;
  }
  return { parameters, tensors, forward: (traced) => ({ weight: (name) => traced[name]! }) };
}

function requireMemory(count: number, memoryLimit: number | undefined): void {
  const available = availableMemory(memoryLimit);
  const bytes = count * Float32Array.BYTES_PER_ELEMENT;
  if (4 * bytes <= available) return;
  throw InsufficientMemoryError.ofAllWeights(available, {
    values: bytes,
    gradients: bytes,
    moments: 2 * bytes,
  });
}

function elementsOf(region: TensorRegion): number {
  return region.shape.reduce((product, extent) => product * extent, 1);
}
