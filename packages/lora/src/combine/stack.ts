import { type HostArray, hostArray, multiply, type Tensor } from '@safetune/tensor';
import type { LoraAdapter } from '../adapter/adapter.ts';
import type { LoraForward } from '../adapter/forward.ts';
import {
  baseLinear,
  type LinearAdapter,
  type LinearFunction,
  type LinearLayer,
  lowRankLinear,
} from '../adapter/linear.ts';
import { plainAdapter } from '../adapter/plain.ts';
import { nameOfA, nameOfB } from '../adapter/tensor-names.ts';
import { CombineAdaptersError } from '../errors.ts';

/** Several adapters on one model, each with a strength: compiled once, switched on and off between runs. */
export interface AdapterStack extends LinearAdapter {
  /** The layers that any of them changes. */
  readonly modules: readonly LinearLayer[];
  /** Strength of each adapter by name: 0 is off, 1 its own. */
  readonly strengths: Readonly<Record<string, number>>;
  /** @throws CombineAdaptersError for a name that is not there, or a strength that is no number. */
  setStrength(name: string, strength: number): void;
  /** Switches an adapter off, or all of them. */
  disable(name?: string): void;
  /** Switches an adapter on at its own strength, or all of them. */
  enable(name?: string): void;
  forward(traced: Readonly<Record<string, Tensor>>): LoraForward;
}

/**
 * Puts adapters of linear layers side by side: their updates add up, as PEFT's do with several active adapters.
 *
 * @param adapters - by names of one's own.
 * @throws CombineAdaptersError for none, and for adapters that change more than linear layers, or by DoRA.
 *
 * @example
 * const stack = stackLoraAdapters({ polite, brief });
 * const generator = await createGenerator(model, { adapter: stack });
 * stack.disable('brief'); // from the next run on
 */
export function stackLoraAdapters(adapters: Readonly<Record<string, LoraAdapter>>): AdapterStack {
  const names = Object.keys(adapters);
  if (names.length === 0) throw new CombineAdaptersError('there is no adapter to stack');
  for (const [name, adapter] of Object.entries(adapters)) requireLinear(name, adapter);
  const plain = Object.fromEntries(
    Object.entries(adapters).map(([name, adapter]) => [name, plainAdapter(adapter)]),
  );
  const strengths = Object.fromEntries(names.map((name) => [name, Float32Array.of(1)]));
  const set = (name: string, strength: number) => {
    if (strengths[name] === undefined)
      throw new CombineAdaptersError(`there is no adapter '${name}'; there are ${names.join(', ')}`);
    if (!Number.isFinite(strength))
      throw new CombineAdaptersError(`the strength of '${name}' is ${strength}; it must be a number`);
    strengths[name][0] = strength;
  };
  const all = (name: string | undefined, strength: number) => {
    for (const each of name === undefined ? names : [name]) set(each, strength);
  };
  const modules = new Map(
    Object.values(adapters).flatMap((adapter) =>
      adapter.modules.map((module) => [module.name, module] as const),
    ),
  );
  const forward = (traced: Readonly<Record<string, Tensor>>): LoraForward => ({
    linear: names.reduce<LinearFunction>((base, name) => {
      const own = plain[name]!;
      const factors = Object.fromEntries(
        own.modules.flatMap(({ name: module }) => {
          const take = (tensor: string) => traced[inputName(name, tensor)]!;
          const b = multiply(take(nameOfB(module)), traced[strengthName(name)]!);
          return [
            [nameOfA(module), take(nameOfA(module))],
            [nameOfB(module), b],
          ];
        }),
      );
      return lowRankLinear(own.modules, factors, base);
    }, baseLinear),
  });
  return {
    modules: [...modules.values()],
    tensors: Object.assign(
      {},
      ...names.map((name) => ({
        ...factorsOf(name, plain[name]!),
        [strengthName(name)]: hostArray(strengths[name]!, [1]),
      })),
    ) as Record<string, HostArray>,
    get strengths() {
      return Object.fromEntries(names.map((name) => [name, strengths[name]![0]!]));
    },
    setStrength: set,
    enable: (name) => all(name, 1),
    disable: (name) => all(name, 0),
    linear: (traced) => forward(traced).linear,
    forward,
  };
}

const inputName = (adapter: string, tensor: string) => `${adapter}/${tensor}`;
const strengthName = (adapter: string) => `${adapter}/strength`;

function factorsOf(adapter: string, { modules }: LoraAdapter): Readonly<Record<string, HostArray>> {
  return Object.fromEntries(
    modules.flatMap(({ name, a, b }) => [
      [inputName(adapter, nameOfA(name)), a],
      [inputName(adapter, nameOfB(name)), b],
    ]),
  );
}

function requireLinear(name: string, { config, embeddings, replaced, tokens }: LoraAdapter): void {
  const more = embeddings.length + replaced.length + tokens.length > 0;
  if (!more && !config.use_dora) return;
  throw new CombineAdaptersError(
    `'${name}' ${config.use_dora ? 'uses DoRA' : 'changes more than linear layers'}: it cannot be put beside others; merge it into the model`,
  );
}
