import { type LoraAdapter, nameOfA, nameOfB } from '@safetune/lora';
import { contiguousData, type HostArray, input, type Tensor, tensorType } from '@safetune/tensor';
import { RegularizerOptionError } from '../errors.ts';
import type { TracedModule, TracedParameters } from '../interface/parameters.ts';
import { asFloat32, type PlainArray } from './plain-array.ts';

/** Where a LoRA module's factors are among the trained tensors. */
export interface ModuleFactors {
  /** The adapted layer's name. */
  readonly name: string;
  /** Name of the tensor A [rank, in]. */
  readonly a: string;
  /** Name of the tensor B [out, rank]. */
  readonly b: string;
  /** The update of the weight is scale B A. */
  readonly scale: number;
}

/** What some training loop trains, as plain arrays by name. */
export interface HostParameters {
  readonly tensors: Readonly<Record<string, PlainArray>>;
  /** Their values when training started. Default: a copy of what they are now. */
  readonly start?: Readonly<Record<string, PlainArray>>;
  /** Which of them are factors of LoRA modules. Default none. */
  readonly modules?: readonly ModuleFactors[];
}

/** The trained tensors of an adapter as {@link HostParameters}. */
export function parametersOf({ trained, modules }: Pick<LoraAdapter, 'trained' | 'modules'>): HostParameters {
  return {
    tensors: trained,
    modules: modules.map(({ name, scale }) => ({ name, a: nameOfA(name), b: nameOfB(name), scale })),
  };
}

export const trainedInput = (name: string) => `trained:${name}`;
export const startInput = (name: string) => `start:${name}`;

/** The start of training as arrays of its own. @throws RegularizerOptionError when a tensor is missing or has another shape. */
export function startOf(
  regularizer: string,
  { tensors, start }: HostParameters,
): Readonly<Record<string, HostArray>> {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, array]) => {
      const given = start === undefined ? array : start[name];
      if (given === undefined || given.shape.join() !== array.shape.join()) {
        throw new RegularizerOptionError(
          regularizer,
          `the start of '${name}' is ${given === undefined ? 'missing' : `[${given.shape.join(', ')}]`}, must be [${array.shape.join(', ')}]`,
        );
      }
      const values = asFloat32(given);
      return [name, start === undefined ? copyOf(values) : values];
    }),
  );
}

function copyOf(array: HostArray): HostArray {
  return asFloat32({ data: (contiguousData(array) as Float32Array).slice(), shape: array.shape });
}

/**
 * What is trained as graph inputs.
 *
 * @param start - its values at the start of training, which say what the graph may leave out.
 * @throws RegularizerOptionError for a module whose factors are not among the tensors, or do not fit each other.
 */
export function traceParameters(
  regularizer: string,
  { tensors, modules = [] }: HostParameters,
  start: Readonly<Record<string, HostArray>>,
): TracedParameters {
  const inputs = (nameOf: (name: string) => string): Record<string, Tensor> =>
    Object.fromEntries(
      Object.entries(tensors).map(([name, { shape }]) => [
        name,
        input(nameOf(name), tensorType('float32', shape)),
      ]),
    );
  const [trained, before] = [inputs(trainedInput), inputs(startInput)];
  const traced = modules.map(({ name, a, b, scale }): [string, TracedModule] => {
    requireFactors(regularizer, name, trained[a], trained[b]);
    const startsAtZero = (contiguousData(start[b]!) as Float32Array).every((value) => value === 0);
    const factors = { a: trained[a]!, b: trained[b]! };
    return [name, { name, scale, ...factors, start: { a: before[a]!, b: before[b]! }, startsAtZero }];
  });
  return { tensors: trained, start: before, modules: new Map(traced) };
}

function requireFactors(
  regularizer: string,
  module: string,
  a: Tensor | undefined,
  b: Tensor | undefined,
): void {
  if (a?.rank === 2 && b?.rank === 2 && a.shape[0] === b.shape[1]) return;
  const [shapeOfA, shapeOfB] = [a, b].map((factor) =>
    factor === undefined ? 'missing' : `[${factor.shape.join(', ')}]`,
  );
  throw new RegularizerOptionError(
    regularizer,
    `module '${module}': A is ${shapeOfA}, B is ${shapeOfB}; must be tensors [rank, in] and [out, rank]`,
  );
}
