import { padBatch } from '@safetune/datasets';
import { adamWStep, clipByNorm, createAdamWState, learningRateSchedule } from '@safetune/optimizers';
import {
  compilePenalty,
  compileTaskLoss,
  constrainedSft,
  kl,
  rowsOf,
  weightAt,
} from '@safetune/regularizers';

// Yours: a model. Here it is a table, row by row the logits of the next token after each of four.
const reference = Float32Array.of(0, 3, 0, 0, 0, 0, 3, 0, 0, 0, 0, 3, 3, 0, 0, 0);
const table = reference.slice();
const forward = (weights: Float32Array, tokens: readonly number[]) => ({
  data: tokens.flatMap((token) => [...weights.subarray(4 * token, 4 * token + 4)]),
  shape: [tokens.length, 4],
});
const backward = (tokens: readonly number[], ofLogits: (at: number) => number) => {
  const gradient = new Float32Array(table.length);
  for (const [row, token] of tokens.entries())
    for (const next of [0, 1, 2, 3]) gradient[4 * token + next]! += ofLogits(4 * row + next);
  return gradient;
};

// Yours: tokens, and a mark at those that are learned.
const chat = { tokenIds: Int32Array.of(0, 1, 3, 2, 0), responseMask: Uint8Array.of(0, 0, 1, 1, 1), tags: [] };
const batch = padBatch([chat], { padTokenId: 0 });

// What the loop takes from SafeTune: a loss, a safeguard, rows, an optimizer.
const steps = 60;
const safeguard = kl({ weight: { from: 0.3, to: 0.05 } });
const [task, penalty] = [await compileTaskLoss(constrainedSft()), await compilePenalty(safeguard)];
const rows = rowsOf(batch, safeguard.needs);
const before = rows.positions.map((position) => batch.tokenIds[position]!);
const optimizer = createAdamWState(table.length);
const rate = learningRateSchedule({ peak: 0.1, warmupSteps: 10 }, steps);

for (let step = 0; step < steps; step++) {
  const outputs = { ...rows, logits: forward(table, before), referenceLogits: forward(reference, before) };
  const learned = await task.run(outputs);
  const held = await penalty.run(outputs, weightAt(safeguard.weight ?? 1, step / (steps - 1)));
  const slopes = [learned, held].map(({ gradients }) => gradients.logits!.data as Float32Array);
  const gradient = backward(before, (at) => slopes[0]![at]! + slopes[1]![at]!);
  clipByNorm(gradient, 1);
  adamWStep(table, gradient, optimizer, rate(step), { weightDecay: 0 });
  if (step % 20 === 0 || step === steps - 1) {
    const [crossEntropy, divergence] = [learned.crossEntropy, held.unweighted].map((value) =>
      value.toFixed(3),
    );
    console.log(`step ${step}: cross-entropy ${crossEntropy}, KL ${divergence}`);
  }
}
await task.release();
await penalty.release();
