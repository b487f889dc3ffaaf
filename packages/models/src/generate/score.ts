import { setImmediate } from 'node:timers/promises';
import {
  compile,
  crossEntropy,
  type Executable,
  flattenLeading,
  gather,
  type HostArray,
  hostArray,
  type NamedTensors,
  tensorType,
} from '@safetune/tensor';
import type { CausalLm } from '../causal-lm.ts';
import { GenerationError } from '../errors.ts';
import { adaptedForward } from '../linear.ts';
import { checkAdapter } from './adapter-fit.ts';
import {
  checkOptionNames,
  checkTokens,
  type GeneratorOptions,
  generatorNames,
  requireCount,
} from './options.ts';

/** A prompt and what is said after it, as tokens. */
export interface TokenAnswer {
  readonly prompt: readonly number[];
  readonly answer: readonly number[];
  /** For each token of the answer, whether it counts. Default: all do. */
  readonly counted?: readonly boolean[];
}

/** How probable a model finds an answer. */
export interface AnswerScore {
  /** Logarithm of the answer's probability given its prompt, in nats: the sum over its tokens that count. */
  readonly logProbability: number;
  /** That of each token that counts, given all before it. */
  readonly tokenLogProbabilities: readonly number[];
}

export interface ScoreOptions {
  /** Most answers computed at once; more are taken in turns, the longest first. Default 8. */
  readonly batchSize?: number;
  /** Hears after every batch. */
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
  /** Ends the scoring before its next batch: score then throws the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Says how probable given answers are; made by {@link createScorer}. */
export interface AnswerScorer {
  /**
   * Scores each answer given its prompt. Temperature and filters of sampling play no part.
   *
   * @returns one score per answer, in their order; of an answer without tokens the logarithm is 0.
   * @throws GenerationError for an option that there is not or out of range, an empty prompt, a token that the model does
   * not know, and for what is longer than the model's positions.
   */
  score(answers: readonly TokenAnswer[], options?: ScoreOptions): Promise<AnswerScore[]>;
  /** Frees the sessions. */
  release(): Promise<void>;
}

/** Logits of at most so many rows exist at once: 256 rows of a 150,000-word vocabulary are 154 MB. */
const rowsAtOnce = 256;

/**
 * Compiles a model to score given answers: one session for the blocks, one for the output layer, over the weights that
 * generation and training map too.
 *
 * @throws GenerationError for an option that there is not, or an adapter of another model; CompileError.
 *
 * @example
 * const scorer = await createScorer(model);
 * const [score] = await scorer.score([{ prompt: tokenizer.encode('2 + 2 ='), answer: tokenizer.encode(' 4') }]);
 * console.log(Math.exp(score.logProbability));
 */
export async function createScorer(model: CausalLm, options: GeneratorOptions = {}): Promise<AnswerScorer> {
  checkOptionNames('createScorer', options, generatorNames);
  const { adapter, hidden, keepsText: _keepsNone, ...given } = options;
  checkAdapter(adapter, model);
  const runtime = { ...model.runtime, ...given };
  const adapterTypes = Object.entries(adapter?.tensors ?? {}).map(
    ([name, { shape }]) => [name, tensorType('float32', shape)] as const,
  );
  const blocks = await compile(
    (inputs: NamedTensors) => {
      const { output } = model.forward(inputs.tokenIds!, {
        ...(hidden === undefined ? {} : { hidden }),
        ...adaptedForward(adapter, inputs),
      });
      return { rows: gather(flattenLeading(output), inputs.places!) };
    },
    {
      tokenIds: tensorType('int64', ['batch', 'seq']),
      places: tensorType('int64', ['rows']),
      ...Object.fromEntries(adapterTypes),
    },
    runtime,
  );
  const head = await compile(
    (inputs: NamedTensors) => ({
      losses: crossEntropy(model.head(inputs.rows!, adaptedForward(adapter, inputs)), inputs.labels!),
    }),
    {
      rows: tensorType('float32', ['rows', model.config.hiddenSize]),
      labels: tensorType('int64', ['rows']),
      ...Object.fromEntries(adapterTypes),
    },
    runtime,
  );
  const tensors = adapter?.tensors ?? {};
  return {
    async score(answers, scoreOptions = {}) {
      checkOptionNames('score', scoreOptions, scoreNames);
      const { batchSize = 8, onProgress, signal } = scoreOptions;
      requireCount('batchSize', batchSize);
      for (const [index, answer] of answers.entries()) checkAnswer(model, answer, index);
      const scores: AnswerScore[] = answers.map(() => ({ logProbability: 0, tokenLogProbabilities: [] }));
      const longestFirst = [...answers.keys()]
        .filter((index) => answers[index]!.answer.length > 0)
        .sort((a, b) => lengthOf(answers[b]!) - lengthOf(answers[a]!));
      for (let start = 0; start < longestFirst.length; start += batchSize) {
        // A run blocks the thread: let timers, progress and the abort signal have their turn.
        await setImmediate();
        signal?.throwIfAborted();
        const together = longestFirst.slice(start, start + batchSize);
        const found = await scoreTogether(
          together.map((index) => answers[index]!),
          { blocks, head, tensors },
        );
        found.forEach((tokenLogProbabilities, row) => {
          const logProbability = tokenLogProbabilities.reduce((sum, value) => sum + value, 0);
          scores[together[row]!] = { logProbability, tokenLogProbabilities };
        });
        onProgress?.({ done: start + together.length, total: longestFirst.length });
      }
      return scores;
    },
    async release() {
      await blocks.release();
      await head.release();
    },
  };
}

const scoreNames = {
  batchSize: true,
  onProgress: true,
  signal: true,
} satisfies Record<keyof ScoreOptions, true>;

function lengthOf({ prompt, answer }: TokenAnswer): number {
  return prompt.length + answer.length;
}

function checkAnswer(model: CausalLm, { prompt, answer, counted }: TokenAnswer, index: number): void {
  checkTokens(model, prompt, index);
  if (answer.length > 0) checkTokens(model, answer, index);
  if (counted !== undefined && counted.length !== answer.length) {
    throw new GenerationError(
      `has ${answer.length} tokens in its answer, and ${counted.length} marks of which count`,
      index,
    );
  }
  const { maximumPositions } = model.config;
  const length = prompt.length + answer.length;
  if (length > maximumPositions) {
    throw new GenerationError(
      `with its answer it has ${length} tokens, the model ${maximumPositions} positions`,
      index,
    );
  }
}

/** The logarithm of each token's probability, of answers computed side by side. */
async function scoreTogether(
  answers: readonly TokenAnswer[],
  {
    blocks,
    head,
    tensors,
  }: {
    readonly blocks: Executable<string, 'rows'>;
    readonly head: Executable<string, 'losses'>;
    readonly tensors: Readonly<Record<string, HostArray>>;
  },
): Promise<number[][]> {
  const width = Math.max(...answers.map(lengthOf));
  // What stands after a row's end is seen by nothing before it: any token will do.
  const rows = answers.map(({ prompt, answer }) =>
    [...prompt, ...answer].concat(Array(width - prompt.length - answer.length).fill(prompt[0]!)),
  );
  const places: number[] = [];
  const labels: number[] = [];
  const counts = answers.map(({ prompt, answer, counted }, row) => {
    const before = places.length;
    answer.forEach((token, index) => {
      if (counted?.[index] === false) return;
      // The place before a token predicts it.
      places.push(row * width + prompt.length + index - 1);
      labels.push(token);
    });
    return places.length - before;
  });
  const { rows: states } = await blocks.run({
    tokenIds: integers(rows.flat(), [answers.length, width]),
    places: integers(places, [places.length]),
    ...tensors,
  });
  const logProbabilities: number[] = [];
  for (let start = 0; start < labels.length; start += rowsAtOnce) {
    const end = Math.min(start + rowsAtOnce, labels.length);
    const { losses } = await head.run({
      rows: slice(states, start, end),
      labels: integers(labels.slice(start, end), [end - start]),
      ...tensors,
    });
    logProbabilities.push(...Array.from(losses.data as Float32Array, (loss) => -loss));
  }
  return counts.map((count) => logProbabilities.splice(0, count));
}

function integers(values: readonly number[], shape: readonly number[]): HostArray {
  return hostArray(BigInt64Array.from(values, BigInt), shape);
}

function slice(rows: HostArray, start: number, end: number): HostArray {
  const width = rows.shape[1]!;
  return hostArray((rows.data as Float32Array).subarray(start * width, end * width), [end - start, width]);
}
