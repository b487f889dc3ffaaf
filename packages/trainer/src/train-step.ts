import type { Batch } from '@safetune/datasets';
import type { CausalLm } from '@safetune/models';
import type { Regularizer } from '@safetune/regularizers';
import {
  compile,
  type Executable,
  gradients,
  type HostArray,
  hostArray,
  type NamedTensors,
  type RuntimeOptions,
  type Tensor,
  type TensorType,
  tensorType,
} from '@safetune/tensor';
import { batchInputs, batchSignature, type RowPieces } from './batch-inputs.ts';
import { TrainOptionError } from './errors.ts';
import { traceForward } from './forward.ts';
import { shareInput, traceLoss, weightInput } from './loss.ts';
import type { Trainable } from './trainable.ts';

export interface TrainStepOptions {
  readonly model: CausalLm;
  readonly trainable: Trainable;
  readonly regularizers?: readonly Regularizer[];
  /**
   * Compute each block again in the backward pass instead of keeping its intermediate values: less memory for about a
   * third more time. Default false.
   */
  readonly recompute?: boolean;
  /**
   * Pieces in which rows go through the output layer, so that the logits of one piece exist at a time. Default: 8 of
   * 256 rows (fewer would spend their time packing weights) for a vocabulary of 32,768 and more with a frozen head, else
   * all rows at once.
   */
  readonly headPieces?: RowPieces;
  readonly runtime?: RuntimeOptions;
}

/** Values of one forward pass, before weighting; penalties by regularizer name. */
export interface LossTerms {
  /** cross-entropy + sum of weight * penalty */
  readonly loss: number;
  /** Mean negative log-likelihood of the supervised tokens, nats. */
  readonly crossEntropy: number;
  readonly penalties: Readonly<Record<string, number>>;
}

/** Forward, loss, penalties and backward of one batch as ONE compiled graph; made by {@link compileTrainStep}. */
export interface TrainStep {
  /** What it was compiled for: its values are read anew at each run. */
  readonly trainable: Trainable;
  /** Gradient of the last run's loss, in the order of the trainable's flat buffer. */
  readonly gradients: Float32Array;
  /**
   * Computes the loss terms of a batch and writes the gradient of `share * loss`.
   *
   * @param weights lambda of each regularizer that has a penalty, by name
   * @param share the part of an accumulated batch that this one makes up. Default 1
   */
  run(batch: Batch, weights?: Readonly<Record<string, number>>, share?: number): Promise<LossTerms>;
  release(): Promise<void>;
}

/**
 * Compiles the training step of a model: traced once, differentiated once, one session.
 *
 * @throws TrainOptionError when two regularizers have one name; GradientError when a trained tensor would get no gradient.
 */
export async function compileTrainStep(options: TrainStepOptions): Promise<TrainStep> {
  const { model, trainable, regularizers = [], recompute = false, runtime = {} } = options;
  checkNames(regularizers);
  const penalised = regularizers.filter(({ penalty, penaltyPerRow }) => penalty ?? penaltyPerRow);
  const tags = [...new Set(regularizers.flatMap(({ needs }) => needs?.tags ?? []))];
  const scope = regularizers.some(({ needs }) => needs?.rows === 'all') ? 'all' : 'response';
  const pieces = options.headPieces ?? defaultHeadPieces(model, trainable);
  const parameterNames = Object.keys(trainable.tensors);

  const signature: Record<string, TensorType> = {
    ...batchSignature(pieces.count, tags),
    [shareInput]: tensorType('float32', []),
    ...Object.fromEntries(penalised.map(({ name }) => [weightInput(name), tensorType('float32', [])])),
    ...Object.fromEntries(
      Object.entries(trainable.tensors).map(([name, { shape }]) => [name, tensorType('float32', shape)]),
    ),
  };
  const trace = (inputs: NamedTensors): Record<string, Tensor> => {
    const settings = { model, trained: trainable.forward(inputs), regularizers, recompute, pieces: pieces.count };
    const { objective, crossEntropy, penalties } = traceLoss(settings, traceForward(settings, inputs), inputs);
    const found = gradients(
      objective,
      parameterNames.map((name) => inputs[name]!),
    );
    return {
      crossEntropy,
      ...Object.fromEntries(Object.entries(penalties).map(([name, value]) => [penaltyOutput(name), value])),
      ...Object.fromEntries(parameterNames.map((name, index) => [gradientOutput(name), found[index]!])),
    };
  };
  const executable: Executable = await compile(trace, signature, runtime);
  const flat = new Float32Array(trainable.parameters.length);
  const into = gradientViews(trainable, flat);

  return {
    trainable,
    gradients: flat,
    async run(batch, weights = {}, share = 1) {
      const weightOf = (name: string) => weights[name] ?? 1;
      const values = await executable.run(
        {
          ...batchInputs(batch, scope, pieces, tags),
          ...trainable.tensors,
          [shareInput]: scalarArray(share),
          ...Object.fromEntries(penalised.map(({ name }) => [weightInput(name), scalarArray(weightOf(name))])),
        },
        { into },
      );
      const read = (name: string) => Number(values[name]!.data[0]);
      const entropy = read('crossEntropy');
      const penalties = Object.fromEntries(penalised.map(({ name }) => [name, read(penaltyOutput(name))]));
      const loss = Object.entries(penalties).reduce((total, [name, value]) => total + weightOf(name) * value, entropy);
      return { loss, crossEntropy: entropy, penalties };
    },
    release: () => executable.release(),
  };
}

/** Beyond this the logits of a batch are worth cutting up. */
const largeVocabulary = 32_768;

export function defaultHeadPieces(model: CausalLm, trainable: Trainable): RowPieces {
  const large = trainable.adapter !== undefined && model.config.vocabularySize >= largeVocabulary;
  return { count: large ? 8 : 1, rows: 256 };
}

export function checkNames(regularizers: readonly Regularizer[]): void {
  const names = regularizers.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) {
    throw new TrainOptionError('regularizers', `two are named '${twice}'; give each its own name`);
  }
}

/** Views of the flat gradient buffer at the places where the parameters' views lie in theirs. */
export function gradientViews(trainable: Trainable, flat: Float32Array): Record<string, HostArray> {
  return Object.fromEntries(
    Object.entries(trainable.tensors).map(([name, view]) => {
      const data = view.data as Float32Array;
      const start = (data.byteOffset - trainable.parameters.byteOffset) / data.BYTES_PER_ELEMENT + view.offset;
      return [gradientOutput(name), hostArray(flat.subarray(start, start + view.size), view.shape)];
    }),
  );
}

export function scalarArray(value: number): HostArray {
  return hostArray(Float32Array.of(value), []);
}

export const penaltyOutput = (regularizer: string) => `penalty:${regularizer}`;
export const gradientOutput = (parameter: string) => `gradient:${parameter}`;
