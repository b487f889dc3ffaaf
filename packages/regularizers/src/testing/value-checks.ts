import type { Regularizer } from '../interface/regularizer.ts';
import { weightAt } from '../interface/weight-schedule.ts';
import { largest, largestDifference } from './penalty-runs.ts';
import type { Assert, Subject } from './subject.ts';

/** A term's weighted value on some sample, and its gradients by what they are of. */
export interface Evaluated {
  readonly value: number;
  readonly gradients: ReadonlyMap<string, Float32Array>;
}

/** Compiles a term of the loss anew, and evaluates it twice on the same sample. */
export type Evaluate = (regularizer: Regularizer, weight: number) => Promise<readonly [Evaluated, Evaluated]>;

/** Two evaluations, one after the other. */
export async function twice(evaluate: () => Promise<Evaluated>): Promise<readonly [Evaluated, Evaluated]> {
  return [await evaluate(), await evaluate()];
}

/** The trainer multiplies by the weight, and the weight is that of the config. */
export async function linearInWeight(
  regularizer: Regularizer,
  subject: Subject,
  evaluate: Evaluate,
  assert: Assert,
): Promise<void> {
  const contribution = async (weight: number) => {
    const weighted = await subject.fromConfig({ ...regularizer.config, weight });
    const lambda = weightAt(weighted.weight ?? 1, 0.5);
    assert(
      Number.isFinite(lambda),
      `has ${JSON.stringify(weighted.weight)} as its weight, must be a number or { from, to }`,
    );
    assert(lambda === weight, `was given the weight ${weight} in its config, but its weight is ${lambda}`);
    return (await evaluate(weighted, lambda))[0];
  };
  const [none, half, triple] = [await contribution(0), await contribution(0.5), await contribution(1.5)];
  const close = (a: number, b: number) => Math.abs(a - b) <= 1e-4 * Math.max(Math.abs(a), Math.abs(b));
  assert(none.value === 0, `contributes ${none.value} to the loss at weight 0`);
  assert(
    close(triple.value, 3 * half.value),
    `contributes ${half.value} at weight 0.5 but ${triple.value} at 1.5: the trainer multiplies by the weight, the penalty must not`,
  );
  for (const [name, gradient] of half.gradients) {
    const tripled = triple.gradients.get(name)!;
    const apart = largestDifference(
      tripled,
      gradient.map((value) => 3 * value),
    );
    assert(
      apart <= 1e-4 * largest(tripled),
      `its gradient with respect to ${name} is not linear in the weight`,
    );
  }
}

/** The same in each of several runs, and of a regularizer made anew. */
export async function deterministic(
  regularizer: Regularizer,
  subject: Subject,
  evaluate: Evaluate,
  assert: Assert,
): Promise<void> {
  const [first, ...others] = await evaluate(regularizer, 1);
  others.push(...(await evaluate(await subject.make(), 1)));
  for (const other of others) {
    assert(other.value === first.value, `is ${first.value} once and ${other.value} another time`);
    for (const [name, gradient] of first.gradients) {
      assert(
        largestDifference(gradient, other.gradients.get(name)!) === 0,
        `its gradient of ${name} differs between runs`,
      );
    }
  }
}
