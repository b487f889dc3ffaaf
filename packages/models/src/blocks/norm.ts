import { add, layerNorm as layerNormalised, rmsNorm as rmsNormalised } from '@safetune/tensor';
import type { Module } from './module.ts';

/** Options of {@link rmsNorm}. */
export interface RmsNormOptions {
  /** Features that are normalised together: the last axis. */
  readonly size: number;
  readonly epsilon: number;
  /** Added to the weights, which some families store as differences from 1. Default 0. */
  readonly offset?: number;
}

/** Root-mean-square normalisation whose weights are `<name>.weight` [size] (Zhang and Sennrich 2019). */
export function rmsNorm(name: string, { size, epsilon, offset = 0 }: RmsNormOptions): Module {
  const place = { name: `${name}.weight`, shape: [size] };
  return {
    tensors: [place],
    linears: [],
    trace(x, { weight }) {
      const stored = weight(place.name);
      return rmsNormalised(x, offset === 0 ? stored : add(stored, offset), epsilon);
    },
  };
}

/** Layer normalisation by `<name>.weight` and `<name>.bias`, both [size] (Ba et al. 2016). */
export function layerNorm(name: string, { size, epsilon }: Omit<RmsNormOptions, 'offset'>): Module {
  const [scale, shift] = [`${name}.weight`, `${name}.bias`];
  return {
    tensors: [scale, shift].map((place) => ({ name: place, shape: [size] })),
    linears: [],
    trace: (x, { weight }) => layerNormalised(x, weight(scale), weight(shift), epsilon),
  };
}
