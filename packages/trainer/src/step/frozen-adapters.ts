import { type LoraAdapter, lowRankLinear, nameOfB } from '@safetune/lora';
import { plainLinear } from '@safetune/models';
import { hostArray, multiply, tensorType } from '@safetune/tensor';
import type { Trainable } from './trainable.ts';

/** 1 in training, 0 in every other forward pass. */
const presenceInput = 'frozen-adapters.presence';
const tensorInput = (index: number, name: string) => `frozen-adapters.${index}.${name}`;

/**
 * A trainable beside which adapters are in the forward pass in training, as they are: each adds its `scale (x A^T) B^T` to the output
 * of its layers, as peft does with several adapters active. They are neither trained nor dropped from, and in a forward pass that is no
 * training their updates are multiplied by 0.
 *
 * @param adapters with updates of linear layers alone, which {@link openFrozenAdapters} of the regularizers package sees to
 */
export function withFrozenAdapters(trainable: Trainable, adapters: readonly LoraAdapter[]): Trainable {
  if (adapters.length === 0) return trainable;
  const named = adapters.flatMap(({ trained }, index) =>
    Object.entries(trained).map(([name, values]) => [tensorInput(index, name), values] as const),
  );
  return {
    ...trainable,
    frozen: { ...trainable.frozen, ...Object.fromEntries(named) },
    drawn: {
      types: (pieces) => ({
        ...trainable.drawn?.types(pieces),
        [presenceInput]: tensorType('float32', []),
      }),
      values: (draw, extents) => ({
        ...trainable.drawn?.values(draw, extents),
        [presenceInput]: hostArray(Float32Array.of(draw === undefined ? 0 : 1), []),
      }),
    },
    forward(traced, piece) {
      const forward = trainable.forward(traced, piece);
      const linear = adapters.reduce((base, { modules, trained }, index) => {
        const own = Object.fromEntries(
          Object.keys(trained).map((name) => [name, traced[tensorInput(index, name)]!]),
        );
        for (const { name } of modules) {
          const b = nameOfB(name);
          own[b] = multiply(own[b]!, traced[presenceInput]!);
        }
        return lowRankLinear(modules, own, base);
      }, forward.linear ?? plainLinear);
      return { ...forward, linear };
    },
  };
}
