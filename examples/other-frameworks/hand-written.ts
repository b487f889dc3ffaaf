/**
 * SafeTune's KL and LDIFS in a training loop that knows nothing of SafeTune: a perceptron with one hidden layer on plain
 * arrays, its gradient written by hand. The model's safe behaviour is the starting weights; it learns new answers for a few
 * inputs, and the penalties hold it to its old answers, and its old features, for inputs it is not taught about.
 *
 *     pnpm exec node --conditions=safetune-source examples/other-frameworks/hand-written.ts
 */
import { compilePenalty, kl, ldifs, weightAt } from '@safetune/regularizers';

const features = 6;
const hidden = 8;
const classes = 4;
const rate = 0.5;

/** Row-major [rows, columns]. */
interface Matrix {
  readonly data: Float32Array;
  readonly shape: readonly [number, number];
}

/** h = tanh(x W1), logits = h W2 */
interface Weights {
  readonly first: Matrix;
  readonly second: Matrix;
}

export interface HandOptions {
  /** lambda of each penalty; 0 measures it without using it. */
  readonly lambda: { readonly kl: number; readonly ldifs: number };
  readonly steps?: number;
}

export interface Report {
  /** Mean negative log-likelihood of the taught answers, by step. */
  readonly crossEntropy: readonly number[];
  /** KL divergence from the starting model on all inputs, by step, unweighted. */
  readonly divergence: readonly number[];
  /** LDIFS of the hidden layer on all inputs, by step, unweighted. */
  readonly distance: readonly number[];
}

/** Trains and reports. */
export async function trainByHand({ lambda, steps = 200 }: HandOptions): Promise<Report> {
  const inputs = matrix(12, features, (row, column) => Math.sin(1 + row * features + column));
  const taught = [0, 1, 2, 3].map((row) => ({ row, answer: (row + 1) % classes }));
  const start: Weights = {
    first: matrix(features, hidden, (row, column) => Math.sin(5 * row + 2 * column)),
    second: matrix(hidden, classes, (row, column) => Math.cos(3 * row + column)),
  };
  const safe = forward(inputs, start);
  let weights = start;

  const safeguards = [kl({ weight: lambda.kl }), ldifs({ weight: lambda.ldifs, layers: [1] })] as const;
  const penalties = [await compilePenalty(safeguards[0]), await compilePenalty(safeguards[1])] as const;
  const report = { crossEntropy: [] as number[], divergence: [] as number[], distance: [] as number[] };
  for (let step = 0; step < steps; step++) {
    const { states, logits } = forward(inputs, weights);
    const { loss, ofLogits } = crossEntropy(logits, taught);
    // What the penalties look at: every input is an example of one token, the hidden layer its state after block 1.
    const ofKl = await penalties[0].run({
      logits,
      referenceLogits: safe.logits,
      responseMask: ones(inputs.shape[0]),
    });
    const ofLdifs = await penalties[1].run({
      hiddenStates: new Map([[1, asStates(states)]]),
      referenceHiddenStates: new Map([[1, asStates(safe.states)]]),
      tokenMask: ones(inputs.shape[0], 1),
    });
    const [klWeight, ldifsWeight] = safeguards.map(({ weight = 1 }) => weightAt(weight, step / (steps - 1)));

    // Backward: the two lines with `plus` are all that the safeguards add.
    const toLogits = plus(ofLogits, klWeight!, ofKl.gradients.logits!.data);
    const throughHead = product(toLogits, transposed(weights.second));
    const toStates = plus(throughHead, ldifsWeight!, ofLdifs.gradients.hiddenStates.get(1)!.data);
    const toSums = matrix(...toStates.shape, (row, column) => {
      const state = at(states, row, column);
      return at(toStates, row, column) * (1 - state * state);
    });
    weights = {
      first: plus(weights.first, -rate, product(transposed(inputs), toSums).data),
      second: plus(weights.second, -rate, product(transposed(states), toLogits).data),
    };
    report.crossEntropy.push(loss);
    report.divergence.push(ofKl.value);
    report.distance.push(ofLdifs.value);
  }
  await Promise.all(penalties.map((penalty) => penalty.release()));
  return report;
}

function forward(inputs: Matrix, { first, second }: Weights): { states: Matrix; logits: Matrix } {
  const sums = product(inputs, first);
  const states: Matrix = { data: sums.data.map(Math.tanh), shape: sums.shape };
  return { states, logits: product(states, second) };
}

/** Mean over the taught rows, and its gradient with respect to all logits. */
function crossEntropy(logits: Matrix, taught: readonly { row: number; answer: number }[]) {
  const gradient = new Float32Array(logits.data.length);
  let loss = 0;
  for (const { row, answer } of taught) {
    const probabilities = softmax(logits.data.subarray(row * classes, (row + 1) * classes));
    loss -= Math.log(probabilities[answer]!) / taught.length;
    for (let column = 0; column < classes; column++) {
      const target = column === answer ? 1 : 0;
      gradient[row * classes + column] = (probabilities[column]! - target) / taught.length;
    }
  }
  return { loss, ofLogits: { data: gradient, shape: logits.shape } satisfies Matrix };
}

/** [batch, hidden] as [batch, 1 token, hidden]. */
function asStates({ data, shape: [rows, columns] }: Matrix) {
  return { data, shape: [rows, 1, columns] };
}

function ones(...shape: number[]) {
  return { data: new Float32Array(shape.reduce((size, extent) => size * extent)).fill(1), shape };
}

/** a + factor * b */
function plus(a: Matrix, factor: number, b: ArrayLike<unknown>): Matrix {
  return { data: a.data.map((value, index) => value + factor * Number(b[index])), shape: a.shape };
}

function at({ data, shape }: Matrix, row: number, column: number): number {
  return data[row * shape[1] + column]!;
}

function matrix(rows: number, columns: number, value: (row: number, column: number) => number): Matrix {
  const data = Float32Array.from({ length: rows * columns }, (_, index) =>
    value(Math.floor(index / columns), index % columns),
  );
  return { data, shape: [rows, columns] };
}

function product(a: Matrix, b: Matrix): Matrix {
  const [rows, inner] = a.shape;
  const columns = b.shape[1];
  return matrix(rows, columns, (row, column) => {
    let sum = 0;
    for (let k = 0; k < inner; k++) sum += a.data[row * inner + k]! * b.data[k * columns + column]!;
    return sum;
  });
}

function transposed({ data, shape: [rows, columns] }: Matrix): Matrix {
  return matrix(columns, rows, (row, column) => data[column * columns + row]!);
}

function softmax(logits: Float32Array): Float32Array {
  const largest = Math.max(...logits);
  const powers = logits.map((logit) => Math.exp(logit - largest));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}

if (import.meta.main) {
  for (const weight of [0, 0.1, 1]) {
    const report = await trainByHand({ lambda: { kl: weight, ldifs: weight } });
    const { crossEntropy, divergence, distance } = report;
    console.log(
      `weight ${weight}: cross-entropy ${crossEntropy[0]!.toFixed(3)} -> ${crossEntropy.at(-1)!.toFixed(3)}, ` +
        `KL from the start ${divergence.at(-1)!.toFixed(3)}, LDIFS ${distance.at(-1)!.toFixed(3)}`,
    );
  }
}
