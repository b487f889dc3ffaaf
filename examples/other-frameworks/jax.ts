/**
 * SafeTune's KL and LDIFS in a training loop of jax-js. A tiny next-token model of two residual blocks has learnt to count
 * upwards; it is then taught something else about four of its tokens. The penalties hold it to its old answers and its
 * old states everywhere.
 *
 *     pnpm exec node --conditions=safetune-source examples/other-frameworks/jax.ts
 */
import { defaultDevice, grad, init, jit, nn, numpy as np, random, vjp } from '@jax-js/jax';
import { compilePenalty, type HostOutputs, kl, ldifs, type PlainArray } from '@safetune/regularizers';

await init('wasm');
defaultDevice('wasm');

const vocabularySize = 12;
const hiddenSize = 16;
const layerCount = 2;
const length = 6;

/** embedding [vocabulary, hidden], block1 and block2 [hidden, hidden], head [hidden, vocabulary]. */
export type Weights = Record<'embedding' | 'block1' | 'block2' | 'head', np.Array>;

/** Sequences padded on the right; each position predicts the next token. */
interface Batch {
  readonly size: number;
  /** [batch * seq, vocabulary], one-hot: the tokens, and the tokens that follow them. */
  readonly tokens: np.Array;
  readonly following: np.Array;
  /** [batch * seq]: 1 for tokens; 1 where a token follows. */
  readonly tokenMask: Float32Array;
  readonly responseMask: Float32Array;
}

export interface StepReport {
  /** Of the new task. */
  readonly crossEntropy: number;
  /** Unweighted penalties. */
  readonly kl: number;
  readonly ldifs: number;
}

export interface FineTuneOptions {
  /** Where training starts. */
  readonly start: Weights;
  /** The safe model it is held to. */
  readonly reference: Weights;
  /** lambda of each penalty; 0 measures it without using it. */
  readonly lambda: { readonly kl: number; readonly ldifs: number };
  readonly steps?: number;
}

/** Fine-tunes on four new answers, while the penalties watch all tokens. */
export async function fineTune({ start, reference, lambda, steps = 30 }: FineTuneOptions) {
  const task = sequences([0, 1, 2, 3], (token) => (token + 5) % vocabularySize, 2);
  const everything = sequences([0, 2, 4, 6, 8, 10], (token) => (token + 1) % vocabularySize, length);
  const safe = await hostOutputs(forward(reference, everything), everything);
  const safeOutputs = { referenceLogits: safe.logits!, referenceHiddenStates: safe.hiddenStates! };
  const penalties = [await compilePenalty(kl()), await compilePenalty(ldifs(), { layerCount })] as const;

  let weights = start;
  const report: StepReport[] = [];
  for (let step = 0; step < steps; step++) {
    // Forward: the outputs that penalties look at are outputs of the differentiated function ...
    const traced = (given: Weights) => ({ loss: crossEntropy(given, task), ...forward(given, everything) });
    const [{ loss, logits, states }, pullBack] = vjp(traced, [kept(weights)]);
    const outputs: HostOutputs = { ...(await hostOutputs({ logits, states }, everything)), ...safeOutputs };
    const [ofKl, ofLdifs] = await Promise.all(penalties.map((penalty) => penalty.run(outputs)));

    // ... and the gradients that SafeTune gives for them go backward along with that of the loss.
    const [gradients] = pullBack({
      loss: np.array(1),
      logits: array(ofKl!.gradients.logits!, [-1, vocabularySize], lambda.kl),
      states: states.map((_, layer) => {
        const gradient = ofLdifs!.gradients.hiddenStates.get(layer);
        const shape = [everything.size * length, hiddenSize];
        return gradient === undefined ? np.zeros(shape) : array(gradient, shape, lambda.ldifs);
      }),
    });
    weights = descend(weights, gradients as Weights, 0.3);
    report.push({ crossEntropy: await loss.jsAsync(), kl: ofKl!.value, ldifs: ofLdifs!.value });
  }
  await Promise.all(penalties.map((penalty) => penalty.release()));
  return { weights, report };
}

/** The model before fine-tuning: random weights that have learnt to count. */
export function countingModel(): Weights {
  const normal = (seed: number, shape: number[]) => random.normal(random.key(seed), shape).mul(0.4);
  let weights: Weights = {
    embedding: normal(1, [vocabularySize, hiddenSize]),
    block1: normal(2, [hiddenSize, hiddenSize]),
    block2: normal(3, [hiddenSize, hiddenSize]),
    head: normal(4, [hiddenSize, vocabularySize]),
  };
  const counting = sequences([0, 3, 6, 9], (token) => (token + 1) % vocabularySize, length);
  const slope = jit(grad((given: Weights) => crossEntropy(given, counting)));
  for (let step = 0; step < 100; step++) weights = descend(weights, slope(kept(weights)) as Weights, 0.5);
  slope.dispose();
  return weights;
}

/** Logits, and states: embeddings, after block 1, after block 2; all [batch * seq, ...]. */
function forward(weights: Weights, { tokens }: Batch): { logits: np.Array; states: np.Array[] } {
  const { embedding, block1, block2, head } = kept(weights);
  const embedded = np.matmul(tokens.ref, embedding);
  const first = embedded.ref.add(np.tanh(np.matmul(embedded.ref, block1)));
  const second = first.ref.add(np.tanh(np.matmul(first.ref, block2)));
  // Copies: vjp of jax-js 0.1 fails on an output from which another output is computed.
  return {
    logits: np.matmul(second.ref, head),
    states: [embedded, first, second].map((state) => state.mul(1)),
  };
}

function crossEntropy(weights: Weights, batch: Batch): np.Array {
  const { logits, states } = forward(weights, batch);
  for (const state of states) state.dispose();
  const supervised = batch.responseMask.reduce((sum, mark) => sum + mark, 0);
  // `following` is zero where nothing follows, which masks those rows.
  return np.sum(nn.logSoftmax(logits).mul(batch.following.ref)).mul(-1 / supervised);
}

/** A forward pass as the plain arrays that penalties take. */
async function hostOutputs(
  { logits, states }: { logits: np.Array; states: np.Array[] },
  { size, tokenMask, responseMask }: Batch,
): Promise<HostOutputs> {
  const plain = async (values: np.Array, shape: number[]): Promise<PlainArray> => ({
    data: (await values.ref.data()) as Float32Array,
    shape,
  });
  const hidden = await Promise.all(states.map((state) => plain(state, [size, length, hiddenSize])));
  return {
    logits: await plain(logits, [size * length, vocabularySize]),
    responseMask: { data: responseMask, shape: [size * length] },
    tokenMask: { data: tokenMask, shape: [size, length] },
    hiddenStates: new Map(hidden.map((state, layer) => [layer, state])),
  };
}

function array({ data }: PlainArray, shape: number[], factor: number): np.Array {
  return np
    .array(data as Float32Array<ArrayBuffer>)
    .reshape(shape)
    .mul(factor);
}

function descend(weights: Weights, gradients: Weights, rate: number): Weights {
  const names = Object.keys(weights) as (keyof Weights)[];
  return Object.fromEntries(
    names.map((name) => [name, weights[name].ref.sub(gradients[name].mul(rate))]),
  ) as Weights;
}

/** jax-js uses an array up when it computes with it; a reference more keeps it. */
function kept(weights: Weights): Weights {
  return Object.fromEntries(Object.entries(weights).map(([name, values]) => [name, values.ref])) as Weights;
}

/** A sequence from each start, every second one a token shorter. */
function sequences(starts: readonly number[], next: (token: number) => number, longest: number): Batch {
  const rows = starts.map((start, index) => {
    const row = [start];
    while (row.length < Math.max(2, longest - (index % 2))) row.push(next(row.at(-1)!));
    return row;
  });
  const at = <Value>(value: (token: number | undefined) => Value, offset: number) =>
    rows.flatMap((row) => Array.from({ length }, (_, position) => value(row[position + offset])));
  const oneHot = (token: number | undefined) =>
    Array.from({ length: vocabularySize }, (_, index) => (index === token ? 1 : 0));
  const present = (token: number | undefined) => (token === undefined ? 0 : 1);
  return {
    size: rows.length,
    tokens: np.array(at(oneHot, 0)),
    following: np.array(at(oneHot, 1)),
    tokenMask: Float32Array.from(at(present, 0)),
    responseMask: Float32Array.from(at(present, 1)),
  };
}

if (import.meta.main) {
  const reference = countingModel();
  for (const weight of [0, 1]) {
    const { report } = await fineTune({ start: reference, reference, lambda: { kl: weight, ldifs: weight } });
    const [first, last] = [report[0]!, report.at(-1)!];
    console.log(
      `weight ${weight}: cross-entropy ${first.crossEntropy.toFixed(3)} -> ${last.crossEntropy.toFixed(3)}, ` +
        `KL ${last.kl.toFixed(4)}, LDIFS ${last.ldifs.toFixed(4)}`,
    );
  }
}
