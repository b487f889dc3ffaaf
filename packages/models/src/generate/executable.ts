import {
  add,
  type CompileOptions,
  compile,
  type Executable,
  flattenLeading,
  gather,
  multiply,
  type NamedTensors,
  type RuntimeOptions,
  range,
  type Signature,
  type Tensor,
  tensorType,
} from '@safetune/tensor';
import type { CausalLm, ForwardOptions } from '../causal-lm.ts';
import { adaptedForward, type LinearAdapter } from '../linear.ts';
import { cacheSignature, traceCache } from './cache.ts';

/** The step of generation as a function to be traced. */
export interface GeneratorGraph {
  readonly signature: Signature;
  readonly trace: (inputs: NamedTensors) => Record<string, Tensor>;
}

/**
 * The step of generation, which takes prompts and single tokens alike: inputs `tokenIds` [batch, seq], `used`
 * [batch] (slots of the cache that hold a token), `last` [batch] (index of each row's last token that is no padding) and
 * the cache, outputs `logits` [batch, vocabulary] that follow these tokens, and what the cache gets of them.
 *
 * @param width tokens a row: any number by default
 */
export function generatorGraph(
  model: CausalLm,
  adapter: LinearAdapter | undefined,
  hidden: ForwardOptions['hidden'],
  width: 'seq' | 1 = 'seq',
): GeneratorGraph {
  const adapterTypes = Object.entries(adapter?.tensors ?? {}).map(
    ([name, { shape }]) => [name, tensorType('float32', shape)] as const,
  );
  return {
    signature: {
      tokenIds: tensorType('int64', ['batch', width]),
      used: tensorType('int64', ['batch']),
      last: tensorType('int64', ['batch']),
      ...cacheSignature(model.config),
      ...Object.fromEntries(adapterTypes),
    },
    trace: (inputs) => {
      const adapted = adaptedForward(adapter, inputs);
      const { attention, added } = traceCache(inputs, inputs.used!, width);
      const { output } = model.forward(inputs.tokenIds!, {
        attention,
        ...(hidden === undefined ? {} : { hidden }),
        ...adapted,
      });
      return { logits: model.head(rowsAt(output, inputs.last!, width), adapted), ...added };
    },
  };
}

/** Compiles {@link generatorGraph}. */
export async function compileGenerator(
  model: CausalLm,
  adapter: LinearAdapter | undefined,
  hidden: ForwardOptions['hidden'],
  options: CompileOptions,
  width: 'seq' | 1 = 'seq',
): Promise<Executable> {
  const { trace, signature } = generatorGraph(model, adapter, hidden, width);
  return compile(trace, signature, { ...options, roundInBlocks: true });
}

/** The sessions of a generator. Weights stay mapped from their files: a second session holds no second copy of them. */
export interface GeneratorSessions {
  /** Takes prompts, and new tokens of a few rows. */
  readonly executable: Executable;
  /** What takes one new token each of so many rows best. */
  stepExecutable(rows: number): Promise<Executable>;
  release(): Promise<void>;
}

/** From so many rows on, products that stream the weights are faster than those that rearrange them. */
const manyRows = 6;

/** Whether single tokens of so many rows have a session of their own. */
export function streamsSteps(
  rows: number,
  model: Pick<CausalLm, 'precision'>,
  runtime: RuntimeOptions,
): boolean {
  return model.precision === 'float32' && runtime.prepackWeights !== true && rows >= manyRows;
}

/** Compiles a generator: the second session when it is first wanted. */
export async function compileSessions(
  model: CausalLm,
  adapter: LinearAdapter | undefined,
  hidden: ForwardOptions['hidden'],
  runtime: RuntimeOptions,
): Promise<GeneratorSessions> {
  const executable = await compileGenerator(model, adapter, hidden, runtime);
  let streaming: Promise<Executable> | undefined;
  return {
    executable,
    stepExecutable: async (rows) => {
      if (!streamsSteps(rows, model, runtime)) return executable;
      streaming ??= compileGenerator(model, adapter, hidden, { ...runtime, streamWeights: true }, 1);
      return streaming;
    },
    release: async () => {
      await Promise.all([executable.release(), streaming?.then((session) => session.release())]);
    },
  };
}

/** [batch, width, hidden] to [batch, hidden]: one position of each row. */
function rowsAt(output: Tensor, index: Tensor, width: 'seq' | 1): Tensor {
  const starts = multiply(range('batch'), range(1, width));
  return gather(flattenLeading(output), add(starts, index));
}
