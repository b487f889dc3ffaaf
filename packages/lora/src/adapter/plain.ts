import { contiguousData, type HostArray, hostArray } from '@safetune/tensor';
import type { LoraConfig } from '../config/config.ts';
import { adapterOver, type LoraAdapter } from './adapter.ts';
import { setFactors } from './initialize.ts';

/**
 * The adapter without what its factors started from: where that was a part of the weight, as in PiSSA and OLoRA, an update
 * of twice the rank for the model as it is, [B, -B0] [A; A0], as PEFT's `path_initial_model_for_weight_conversion` makes.
 * Any other adapter is given back as it is.
 */
export function plainAdapter(adapter: LoraAdapter): LoraAdapter {
  if (adapter.modules.every(({ origin }) => origin === undefined)) return adapter;
  const doubled = adapterOver(doubledConfig(adapter.config), {
    ...adapter,
    modules: adapter.modules.map((module) => ({ ...module, rank: 2 * module.rank })),
  });
  for (const [index, module] of doubled.modules.entries()) {
    const { a, b, origin } = adapter.modules[index]!;
    setFactors(module, { a: stacked(a, origin!.a), b: sideBySide(b, origin!.b) });
  }
  for (const [name, values] of Object.entries(adapter.trained)) {
    const target = doubled.trained[name]!;
    if (target.size === values.size)
      (contiguousData(target) as Float32Array).set(contiguousData(values) as Float32Array);
  }
  return doubled;
}

/** Scales stay what they were. */
function doubledConfig(config: LoraConfig): LoraConfig {
  const factor = config.use_rslora ? Math.SQRT2 : 2;
  const times = (values: Readonly<Record<string, number>>, by: number) =>
    Object.fromEntries(Object.entries(values).map(([key, value]) => [key, value * by]));
  return {
    ...config,
    r: 2 * config.r,
    lora_alpha: factor * config.lora_alpha,
    rank_pattern: times(config.rank_pattern, 2),
    alpha_pattern: times(config.alpha_pattern, factor),
    init_lora_weights: true,
  };
}

/** [A; A0] */
function stacked(first: HostArray, second: HostArray): HostArray {
  const [rows, columns] = first.shape as [number, number];
  const values = new Float32Array(2 * rows * columns);
  values.set(contiguousData(first) as Float32Array);
  values.set(contiguousData(second) as Float32Array, rows * columns);
  return hostArray(values, [2 * rows, columns]);
}

/** [B, -B0] */
function sideBySide(first: HostArray, second: HostArray): HostArray {
  const [rows, columns] = first.shape as [number, number];
  const [left, right] = [contiguousData(first) as Float32Array, contiguousData(second) as Float32Array];
  const values = new Float32Array(2 * rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      values[2 * row * columns + column] = left[row * columns + column]!;
      values[(2 * row + 1) * columns + column] = -right[row * columns + column]!;
    }
  }
  return hostArray(values, [rows, 2 * columns]);
}
