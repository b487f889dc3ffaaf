import { type HostArray, hostArray, type TensorType, tensorType } from '@safetune/tensor';
import type { LoraAdapter } from '../adapter/adapter.ts';
import { randomStream } from '../adapter/random-stream.ts';
import { columnsInput, multipliersInput, rowsInput, scaleInput } from './dropout-inputs.ts';

/** What decides what dropout drops: the same three give the same masks on every machine. */
export interface DropoutDraw {
  readonly seed: number;
  /** Optimizer step. */
  readonly step: number;
  /** Which batch of the step, where several make one. */
  readonly part: number;
}

/** How large the batch is that a draw is for. */
export interface DropoutExtents {
  readonly batch: number;
  /** Positions of a row. */
  readonly length: number;
  /** Pieces in which rows go through the output layer. */
  readonly pieces: number;
}

/** The layers whose inputs are dropped, with their widths. */
function droppedLayers({ config, modules, embeddings }: LoraAdapter): { name: string; inFeatures: number }[] {
  if (config.lora_dropout === 0) return [];
  return [
    ...modules,
    ...embeddings.flatMap(({ tied, outFeatures }) =>
      tied === undefined ? [] : [{ name: tied, inFeatures: outFeatures }],
    ),
  ];
}

/**
 * Types of the inputs that dropout takes in a training graph; none without it.
 *
 * @param pieces - pieces in which rows go through the output layer.
 */
export function dropoutSignature(adapter: LoraAdapter, pieces: number): Record<string, TensorType> {
  const layers = droppedLayers(adapter);
  if (layers.length === 0) return {};
  return {
    [rowsInput]: tensorType('int32', ['batch', 'seq']),
    [columnsInput]: tensorType('int32', [Math.max(...layers.map(({ inFeatures }) => inFeatures))]),
    [scaleInput]: tensorType('float32', []),
    ...Object.fromEntries(layers.map(({ name }) => [multipliersInput(name), tensorType('int32', [pieces])])),
  };
}

/**
 * Values for {@link dropoutSignature}: odd whole numbers, from the seed, the step and its part alone.
 *
 * @param draw undefined for a forward pass that drops nothing.
 * @throws RangeError when the seed is not a safe integer.
 */
export function drawDropout(
  adapter: LoraAdapter,
  draw: DropoutDraw | undefined,
  { batch, length, pieces }: DropoutExtents,
): Record<string, HostArray> {
  const layers = droppedLayers(adapter);
  if (layers.length === 0) return {};
  const odd = (label: string, count: number) => {
    if (draw === undefined) return new Int32Array(count).fill(1);
    const random = randomStream(draw.seed, ['dropout', draw.step, draw.part, label]);
    return Int32Array.from({ length: count }, () => random.integer() | 1);
  };
  const multipliers = (name: string) =>
    // With ones elsewhere the products are this number, which no threshold is above.
    draw === undefined ? new Int32Array(pieces).fill(2 ** 31 - 1) : odd(name, pieces);
  const features = Math.max(...layers.map(({ inFeatures }) => inFeatures));
  const scale = draw === undefined ? 1 : 1 / (1 - adapter.config.lora_dropout);
  return {
    [rowsInput]: hostArray(odd('rows', batch * length), [batch, length]),
    [columnsInput]: hostArray(odd('columns', features), [features]),
    [scaleInput]: hostArray(Float32Array.of(scale), []),
    ...Object.fromEntries(
      layers.map(({ name }) => [multipliersInput(name), hostArray(multipliers(name), [pieces])]),
    ),
  };
}
