import {
  compile,
  defaultCacheDirectory,
  estimateMemory,
  type GraphMemory,
  gradients,
  type HostArray,
  hostArray,
  input,
  multiply,
  type RuntimeOptions,
  type Tensor,
  type TensorType,
  tensorsBehind,
  tensorType,
} from '@safetune/tensor';
import { PenaltyInputError, RegularizerOptionError } from '../errors.ts';
import { checkRegularizer } from '../interface/check-regularizer.ts';
import type { Regularizer } from '../interface/regularizer.ts';
import { tracedParameterPenalty } from '../interface/traced.ts';
import {
  type HostParameters,
  startInput,
  startOf,
  traceParameters,
  trainedInput,
} from './parameter-inputs.ts';
import { asFloat32, type PlainArray } from './plain-array.ts';

export interface CompileParameterPenaltyOptions {
  /** Where converted files are kept. Default: the tensor package's `defaultCacheDirectory`. */
  readonly cacheDirectory?: string;
  readonly runtime?: RuntimeOptions;
}

/** A penalty's value, and its gradient with respect to what is trained. */
export interface ParameterPenaltyResult {
  /** Weight times penalty: what is added to the loss. */
  readonly value: number;
  /** The penalty itself, as trainers log it. */
  readonly unweighted: number;
  /** By tensor, of {@link CompiledParameterPenalty.uses}. */
  readonly gradients: Readonly<Record<string, HostArray>>;
}

/** A penalty on parameters ready to be evaluated at every step. Made by {@link compileParameterPenalty}. */
export interface CompiledParameterPenalty {
  readonly regularizer: Regularizer;
  /** Names of the trained tensors that it depends on. */
  readonly uses: readonly string[];
  /**
   * @param tensors - values of the trained tensors by name; those that it does not use are ignored.
   * @param weight - factor on value and gradients, such as `weightAt(regularizer.weight ?? 1, progress)`. Default 1
   * @param into - memory to write gradients into, by tensor, such as views of one flat buffer. Default: new arrays
   * @throws PenaltyInputError when a tensor that is used is missing, or the value is not finite; InputError when it has another
   * shape.
   */
  run(
    tensors: Readonly<Record<string, PlainArray>>,
    weight?: number,
    into?: Readonly<Record<string, HostArray>>,
  ): Promise<ParameterPenaltyResult>;
  /** Frees the session. Call it when the loop is over. */
  release(): Promise<void>;
}

/**
 * Compiles a penalty over what is trained, with its gradient, for use in any training loop: once an optimizer step, before clipping,
 * add `value` to the loss you report and `gradients` to those of the loss. The start of training is remembered here.
 *
 * @throws RegularizerOptionError when the regularizer has none, or one that depends on nothing that is trained; GradientError when no
 * gradient reaches that; what the hook throws, for a file it cannot read.
 *
 * @example
 * const penalty = await compileParameterPenalty(l2Sp({ weight: 0.1 }), parametersOf(adapter));
 * const { value, gradients } = await penalty.run(adapter.trained, 0.1);
 * await penalty.release();
 */
export async function compileParameterPenalty(
  regularizer: Regularizer,
  parameters: HostParameters,
  { cacheDirectory = defaultCacheDirectory(), runtime = {} }: CompileParameterPenaltyOptions = {},
): Promise<CompiledParameterPenalty> {
  const traced = await tracePenalty(regularizer, parameters, cacheDirectory);
  const { outputs, signature, uses, start } = traced;
  const executable = await compile(() => outputs, signature, runtime);
  return {
    regularizer,
    uses,
    async run(tensors, weight = 1, into = {}) {
      const trained = uses.map((name) => {
        const array = tensors[name];
        if (array === undefined) throw new PenaltyInputError(regularizer.name, name, 'is missing');
        return [trainedInput(name), asFloat32(array)];
      });
      const feeds = {
        ...start,
        ...Object.fromEntries(trained),
        [weightInput]: hostArray(Float32Array.of(weight), []),
      };
      const targets = Object.entries(into).map(([name, array]) => [gradientOutput(name), array]);
      const results = await executable.run(feeds, {
        into: Object.fromEntries(targets.filter(([name]) => (name as string) in outputs)),
      });
      const [value, unweighted] = [Number(results.value!.data[0]), Number(results.unweighted!.data[0])];
      if (!Number.isFinite(value)) {
        const message = `gave the penalty ${value}: is every value finite?`;
        throw new PenaltyInputError(regularizer.name, uses.join(', '), message);
      }
      const found = uses.map((name) => [name, results[gradientOutput(name)]!]);
      return { value, unweighted, gradients: Object.fromEntries(found) };
    },
    release: () => executable.release(),
  };
}

/**
 * What the session of a {@link compileParameterPenalty} will take; compiles nothing.
 *
 * @throws as that.
 */
export async function estimateParameterPenalty(
  regularizer: Regularizer,
  parameters: HostParameters,
  { cacheDirectory = defaultCacheDirectory() }: CompileParameterPenaltyOptions = {},
): Promise<GraphMemory> {
  const { outputs } = await tracePenalty(regularizer, parameters, cacheDirectory);
  return estimateMemory(Object.values(outputs), {});
}

const weightInput = 'weight';
const gradientOutput = (name: string) => `gradient:${name}`;

interface TracedPenalty {
  readonly outputs: Readonly<Record<string, Tensor>>;
  readonly signature: Readonly<Record<string, TensorType>>;
  /** Names of the trained tensors that it depends on. */
  readonly uses: readonly string[];
  /** Of the start, what it depends on, by graph input. */
  readonly start: Readonly<Record<string, HostArray>>;
}

async function tracePenalty(
  regularizer: Regularizer,
  parameters: HostParameters,
  cacheDirectory: string,
): Promise<TracedPenalty> {
  checkRegularizer(regularizer);
  const values = startOf(regularizer.name, parameters);
  const { tensors, start, modules } = traceParameters(regularizer.name, parameters, values);
  const unweighted = await tracedParameterPenalty(
    regularizer,
    { tensors, start, modules },
    { cacheDirectory },
  );
  const behind = new Set(tensorsBehind([unweighted], [...Object.values(tensors), ...Object.values(start)]));
  const usedOf = (all: Readonly<Record<string, Tensor>>) =>
    Object.entries(all).filter(([, tensor]) => behind.has(tensor));
  const used = usedOf(tensors);
  if (used.length === 0) {
    throw new RegularizerOptionError(
      regularizer.name,
      'its parameterPenalty does not depend on anything that is trained',
    );
  }
  const weight = input(weightInput, tensorType('float32', []));
  const value = multiply(unweighted, weight);
  const found = gradients(
    value,
    used.map(([, tensor]) => tensor),
  );
  const types = (nameOf: (name: string) => string, all: readonly (readonly [string, Tensor])[]) =>
    all.map(([name, { dtype, shape }]) => [nameOf(name), { dtype, shape }] as const);
  return {
    outputs: {
      value,
      unweighted,
      ...Object.fromEntries(used.map(([name], index) => [gradientOutput(name), found[index]!])),
    },
    signature: Object.fromEntries([
      ...types(trainedInput, used),
      ...types(startInput, usedOf(start)),
      [weightInput, tensorType('float32', [])],
    ]),
    uses: used.map(([name]) => name),
    start: Object.fromEntries(usedOf(start).map(([name]) => [startInput(name), values[name]!])),
  };
}
