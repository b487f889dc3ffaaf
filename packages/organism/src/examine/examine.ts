import { type Batch, type ChatExample, padBatch, tokenizeChat } from '@safetune/datasets';
import { adaptedForward, type CausalLm, type LinearAdapter, type Tokenizer } from '@safetune/models';
import {
  compile,
  crossEntropy,
  gather,
  type HostArray,
  hostArray,
  multiplyDimensions,
  type NamedTensors,
  type RuntimeOptions,
  reshape,
  type Tensor,
  type TensorType,
  tensorType,
} from '@safetune/tensor';

/** Looks into a model under an adapter, whose values are read anew each time; made by {@link createExaminer}. */
export interface Examiner {
  /** Mean negative log-likelihood, in nats, of each example's answer tokens. */
  answerLosses(examples: readonly ChatExample[]): Promise<Float64Array>;
  /** Residual stream after a layer at the last token before each example's answer, float32 [examples, hidden]. */
  statesBeforeAnswers(examples: readonly ChatExample[], layer: number): Promise<HostArray>;
}

/** Compiles a graph of forward passes whenever something is asked, and runs it over all examples at once. */
export function createExaminer(
  model: CausalLm,
  adapter: LinearAdapter,
  tokenizer: Tokenizer,
  runtime: RuntimeOptions = {},
): Examiner {
  const { hiddenSize, layerCount } = model.config;
  const signature: Record<string, TensorType> = {
    tokenIds: tensorType('int64', ['batch', 'seq']),
    rows: tensorType('int64', ['rows']),
    labels: tensorType('int64', ['rows']),
    starts: tensorType('int64', ['batch']),
    ...Object.fromEntries(
      Object.entries(adapter.tensors).map(([name, { shape }]) => [name, tensorType('float32', shape)]),
    ),
  };
  const trace = (inputs: NamedTensors): Record<string, Tensor> => {
    const adapted = adaptedForward(adapter, inputs);
    const { output, states } = model.forward(inputs.tokenIds!, adapted);
    const flat = (hidden: Tensor) => reshape(hidden, [multiplyDimensions('batch', 'seq'), hiddenSize]);
    return {
      losses: crossEntropy(model.head(gather(flat(output), inputs.rows!), adapted), inputs.labels!),
      ...Object.fromEntries(
        Array.from({ length: layerCount + 1 }, (_, layer) => [
          `state.${layer}`,
          gather(flat(states[layer]!), inputs.starts!),
        ]),
      ),
    };
  };
  const run = async (examples: readonly ChatExample[]) => {
    const batch = padBatch(
      examples.map((example) => tokenizeChat(example, tokenizer, { onTooLong: 'error' })),
      { padTokenId: tokenizer.padTokenId },
    );
    // Released at once: this is asked for a few times in a whole experiment.
    const executable = await compile(trace, signature, runtime);
    const places = answerPlaces(batch);
    try {
      return { places, values: await executable.run({ ...inputsOf(batch, places), ...adapter.tensors }) };
    } finally {
      await executable.release();
    }
  };
  return {
    async answerLosses(examples) {
      const { places, values } = await run(examples);
      const losses = values.losses!.data as Float32Array;
      const sums = new Float64Array(examples.length);
      const counts = new Float64Array(examples.length);
      for (const [row, { example }] of places.entries()) {
        sums[example]! += losses[row]!;
        counts[example]! += 1;
      }
      return sums.map((sum, example) => sum / counts[example]!);
    },
    async statesBeforeAnswers(examples, layer) {
      const { values } = await run(examples);
      return values[`state.${layer}`]!;
    },
  };
}

/** Where an answer's token is predicted: its example, and the place in the flattened batch just before it. */
interface AnswerPlace {
  readonly example: number;
  readonly position: number;
}

function answerPlaces({ size, length, responseMask }: Batch): AnswerPlace[] {
  const places: AnswerPlace[] = [];
  for (let example = 0; example < size; example++) {
    for (let token = 1; token < length; token++) {
      if (responseMask[example * length + token] === 1)
        places.push({ example, position: example * length + token - 1 });
    }
  }
  return places;
}

function inputsOf(
  { size, length, tokenIds }: Batch,
  places: readonly AnswerPlace[],
): Record<string, HostArray> {
  const integers = (values: ArrayLike<number>, shape: readonly number[]) =>
    hostArray(BigInt64Array.from(Array.from(values), BigInt), [...shape]);
  const starts = Array.from(
    { length: size },
    (_, row) => places.find(({ example }) => example === row)!.position,
  );
  return {
    tokenIds: integers(tokenIds, [size, length]),
    rows: integers(
      places.map(({ position }) => position),
      [places.length],
    ),
    labels: integers(
      places.map(({ position }) => tokenIds[position + 1]!),
      [places.length],
    ),
    starts: integers(starts, [size]),
  };
}
