/**
 * SafeTune's KL in a training loop that knows nothing of SafeTune: softmax regression on plain arrays, its gradient
 * written by hand. The model's safe behaviour is the starting weights; it learns new answers for a few inputs, and the KL
 * holds it to its old answers for inputs it is not taught about.
 *
 *     pnpm exec node --conditions=safetune-source examples/other-frameworks/hand-written.ts
 */
import { type CompiledPenalty, compilePenalty, kl, weightAt } from '@safetune/regularizers';

const features = 6;
const classes = 4;

/** Row-major [rows, columns]. */
interface Matrix {
  readonly data: Float32Array;
  readonly shape: readonly [number, number];
}

export interface Report {
  /** Mean negative log-likelihood of the taught answers, by step. */
  readonly crossEntropy: readonly number[];
  /** Divergence from the starting model on all inputs, by step, unweighted. */
  readonly divergence: readonly number[];
}

/** Trains and reports; `weight` 0 measures the KL without using it. */
export async function trainByHand({
  weight,
  steps = 200,
}: {
  weight: number;
  steps?: number;
}): Promise<Report> {
  const inputs = matrix(12, features, (row, column) => Math.sin(1 + row * features + column));
  const taught = [0, 1, 2, 3].map((row) => ({ row, answer: (row + 1) % classes }));
  const start = matrix(features, classes, (row, column) => Math.cos(3 * row + column));
  const weights: Matrix = { data: start.data.slice(), shape: start.shape };
  const referenceLogits = product(inputs, start);
  const responseMask = { data: new Float32Array(inputs.shape[0]).fill(1), shape: [inputs.shape[0]] };

  const safeguard = kl({ weight });
  const penalty: CompiledPenalty = await compilePenalty(safeguard);
  const report = { crossEntropy: [] as number[], divergence: [] as number[] };
  for (let step = 0; step < steps; step++) {
    const logits = product(inputs, weights);
    // d cross-entropy / d logits, in the rows that are taught.
    const gradient = new Float32Array(logits.data.length);
    let crossEntropy = 0;
    for (const { row, answer } of taught) {
      const probabilities = softmax(logits.data.subarray(row * classes, (row + 1) * classes));
      crossEntropy -= Math.log(probabilities[answer]!) / taught.length;
      for (let column = 0; column < classes; column++) {
        const target = column === answer ? 1 : 0;
        gradient[row * classes + column] = (probabilities[column]! - target) / taught.length;
      }
    }
    // d KL / d logits, in all rows: the only line that a safeguard adds to the backward pass.
    const { value, gradients } = await penalty.run({ logits, referenceLogits, responseMask });
    const lambda = weightAt(safeguard.weight ?? 1, step / (steps - 1));
    const ofKl = gradients.logits!.data as Float32Array;
    for (let index = 0; index < gradient.length; index++) gradient[index]! += lambda * ofKl[index]!;

    const update = product(transposed(inputs), { data: gradient, shape: logits.shape });
    for (let index = 0; index < update.data.length; index++)
      weights.data[index]! -= 0.5 * update.data[index]!;
    report.crossEntropy.push(crossEntropy);
    report.divergence.push(value);
  }
  await penalty.release();
  return report;
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
    const { crossEntropy, divergence } = await trainByHand({ weight });
    console.log(
      `weight ${weight}: cross-entropy ${crossEntropy[0]!.toFixed(3)} -> ${crossEntropy.at(-1)!.toFixed(3)}, ` +
        `KL from the start ${divergence.at(-1)!.toFixed(3)}`,
    );
  }
}
