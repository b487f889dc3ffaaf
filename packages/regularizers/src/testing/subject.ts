import type { AdaptableModel, LoraAdapter } from '@safetune/lora';
import { regularizerFromConfig } from '../config.ts';
import { type HostParameters, parametersOf } from '../host-arrays/parameter-inputs.ts';
import type { Regularizer, RegularizerConfig } from '../interface/regularizer.ts';
import { shown } from '../interface/shown.ts';
import { describeRegularizer } from '../registry/registry.ts';
import { ContractViolation } from './contract-violation.ts';
import { sampleParameters } from './sample-parameters.ts';

/** The model, with random values, on which penalties and edits of the forward pass are tried. */
export interface SampleModel {
  /** Blocks. */
  readonly layerCount: number;
  readonly hiddenSize: number;
  readonly vocabularySize: number;
}

export interface ContractOptions {
  /** Makes a regularizer from its config. Default {@link regularizerFromConfig}; a new kind brings its own. */
  readonly fromConfig?: (config: RegularizerConfig) => Regularizer | Promise<Regularizer>;
  /** Sizes of the model to try it on. Default 6 blocks, hidden size 8, vocabulary 11. */
  readonly model?: Partial<SampleModel>;
  /**
   * A new adapter that the regularizer changes. Required for one with `beforeTraining`, `afterStep`, `afterTraining` or
   * a state.
   */
  readonly adapter?: () => LoraAdapter | Promise<LoraAdapter>;
  /** The model that frozen adapters are opened for, such as a `CausalLm`. Required for a regularizer with `frozenAdapters`. */
  readonly adapted?: AdaptableModel;
  /**
   * What is trained, at its start, for one with `parameterPenalty` that cannot do with any. Default: the adapter's tensors, else an
   * adapter of two small layers and a vector.
   */
  readonly parameters?: () => HostParameters | Promise<HostParameters>;
  /** Optimizer steps to try `afterStep` for. Default 4. */
  readonly steps?: number;
  /**
   * Whether the penalty is a distance: 0 at the reference, and never negative. Default: whether its needs name the reference; one on
   * parameters is a distance from their start.
   * `false` for one that uses the reference otherwise, such as one that asks for more distance.
   */
  readonly isDistance?: boolean;
  /**
   * Whether a change of the examples may make questions longer at their end and answers at their beginning, as one that shows how an answer begins.
   * Default false: both stay as they are.
   */
  readonly extendsMessages?: boolean;
  /** How far float32 rounding may take a distance from 0 at the reference, and below 0 near it. Default 1e-6. */
  readonly tolerance?: number;
}

/** One promise of the contract. */
export interface ContractCheck {
  readonly name: string;
  /** @throws ContractViolation when the regularizer does not keep it. */
  run(): Promise<void>;
}

/** What the checks examine: a way to make the regularizer, anew each time, and the settings. */
export interface Subject {
  /** Put before the names of checks, such as `penalty: `. */
  readonly prefix: string;
  make(): Promise<Regularizer>;
  fromConfig(config: RegularizerConfig): Promise<Regularizer>;
  readonly model: SampleModel;
  readonly adapter: (() => Promise<LoraAdapter>) | undefined;
  readonly adapted: AdaptableModel | undefined;
  /** What is trained, at its start. */
  parameters(): Promise<HostParameters>;
  readonly steps: number;
  readonly isDistance: boolean | undefined;
  readonly extendsMessages: boolean;
  readonly tolerance: number;
}

/** @throws RangeError when the tolerance is no number of at least 0, when `steps` or a size of the model is not a positive integer. */
export function subjectOf(make: () => Regularizer | Promise<Regularizer>, options: ContractOptions): Subject {
  const {
    fromConfig = regularizerFromConfig,
    adapter,
    steps = 4,
    isDistance,
    tolerance = 1e-6,
    extendsMessages = false,
  } = options;
  const model = { layerCount: 6, hiddenSize: 8, vocabularySize: 11, ...options.model };
  for (const [name, value] of Object.entries({ ...model, steps })) {
    if (!Number.isInteger(value) || value < 1)
      throw new RangeError(`${name} is ${value}, must be a positive integer`);
  }
  if (!(tolerance >= 0)) throw new RangeError(`tolerance is ${tolerance}, must be a number of at least 0`);
  return {
    prefix: '',
    make: async () => requireRegularizer('make', await make()),
    async fromConfig(config) {
      if (options.fromConfig === undefined && describeRegularizer(config.type) === undefined)
        throw new TypeError(
          `its config has the type '${config.type}', which is none of SafeTune's: give the contract what makes it, options.fromConfig`,
        );
      return requireRegularizer('fromConfig', await fromConfig(config));
    },
    model,
    adapter: adapter === undefined ? undefined : async () => adapter(),
    adapted: options.adapted,
    async parameters() {
      if (options.parameters !== undefined) return options.parameters();
      return adapter === undefined ? sampleParameters() : parametersOf(await adapter());
    },
    steps,
    isDistance,
    extendsMessages,
    tolerance,
  };
}

/** A new adapter of the subject's. @throws TypeError when there is none. */
export async function adapterOf({ adapter }: Subject): Promise<LoraAdapter> {
  if (adapter === undefined) throw new TypeError('give the contract an adapter to work on (options.adapter)');
  return adapter();
}

function requireRegularizer(maker: string, made: unknown): Regularizer {
  if (typeof made === 'object' && made !== null) return made as Regularizer;
  throw new TypeError(`${maker} gives ${shown(made)}, must give a regularizer`);
}

/** Complains about the regularizer: `assert(a === b, 'a and b differ')`. */
export type Assert = (holds: boolean, otherwise: string) => void;

/** A check whose body gets a new regularizer and a way to complain; whatever else it throws becomes a violation too. */
export function check(
  subject: Subject,
  promise: string,
  body: (regularizer: Regularizer, assert: Assert) => Promise<void> | void,
): ContractCheck {
  const name = `${subject.prefix}${promise}`;
  return {
    name,
    async run() {
      let regularizer = '(not made)';
      const assert: Assert = (holds, otherwise) => {
        if (!holds) throw new ContractViolation(regularizer, name, otherwise);
      };
      try {
        const made = await subject.make();
        regularizer = made.name;
        await body(made, assert);
      } catch (cause) {
        if (ContractViolation.isInstance(cause)) throw cause;
        throw new ContractViolation(
          regularizer,
          name,
          cause instanceof Error ? cause.message : String(cause),
          { cause },
        );
      }
    },
  };
}
