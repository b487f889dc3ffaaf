import type { HostParameters } from '../host-arrays/parameter-inputs.ts';
import {
  type CompiledParameterPenalty,
  compileParameterPenalty,
  type ParameterPenaltyResult,
} from '../host-arrays/parameter-penalty.ts';
import type { PlainArray } from '../host-arrays/plain-array.ts';
import type { Regularizer } from '../interface/regularizer.ts';
import { requireGradient } from './gradient-check.ts';
import { largest } from './penalty-runs.ts';
import { randomNumbers } from './sample-outputs.ts';
import { type Assert, type ContractCheck, check, type Subject } from './subject.ts';
import { deterministic, type Evaluate, linearInWeight, twice } from './value-checks.ts';

/** What a penalty over what is trained must do. */
export function parameterChecks(subject: Subject): ContractCheck[] {
  const { isDistance = true, tolerance } = subject;
  const on = (
    name: string,
    body: (penalty: CompiledParameterPenalty, parameters: HostParameters, assert: Assert) => Promise<void>,
  ) =>
    check(subject, name, (made, assert) =>
      withParameterPenalty(made, subject, (penalty, parameters) => body(penalty, parameters, assert)),
    );
  const evaluate: Evaluate = (made, weight) =>
    withParameterPenalty(made, subject, (penalty, parameters) =>
      twice(async () => {
        const result = await penalty.run(movedTensors(parameters, 1), weight);
        return { value: result.value, gradients: gradientsOf(result) };
      }),
    );
  return [
    on('its gradient equals finite differences and is not zero', async (penalty, parameters, assert) => {
      const moved = movedTensors(parameters, 1);
      await requireGradient(
        {
          gradients: gradientsOf(await penalty.run(moved)),
          valuesOf: (name) => moved[name]!.data,
          valueWith: async (name, data) =>
            (await penalty.run({ ...moved, [name]: { data, shape: moved[name]!.shape } })).value,
        },
        assert,
      );
    }),
    ...(isDistance
      ? [
          on('is zero at the start of training', async (penalty, { tensors }, assert) => {
            const result = await penalty.run(tensors);
            assert(
              Math.abs(result.value) <= tolerance,
              `is ${result.value} where nothing has been trained yet`,
            );
            for (const [name, gradient] of gradientsOf(result)) {
              const most = largest(gradient);
              assert(
                most <= 1e-5,
                `its gradient with respect to ${name} is up to ${most} where nothing has been trained yet`,
              );
            }
          }),
          on('is never negative', async (penalty, parameters, assert) => {
            // Far from the start, and so near that rounding is all there is.
            for (const distance of [3, 1e-2, 1e-4, 1e-6]) {
              const { value } = await penalty.run(movedTensors(parameters, distance));
              assert(value >= -tolerance, `is ${value} at a distance of ${distance} from the start`);
            }
          }),
        ]
      : []),
    check(subject, 'is linear in its weight', (made, assert) =>
      linearInWeight(made, subject, evaluate, assert),
    ),
    check(subject, 'is deterministic', (made, assert) => deterministic(made, subject, evaluate, assert)),
  ];
}

/** Compiles a penalty for the subject's parameters, hands it on, and releases it. */
async function withParameterPenalty<Result>(
  regularizer: Regularizer,
  subject: Subject,
  use: (penalty: CompiledParameterPenalty, parameters: HostParameters) => Promise<Result>,
): Promise<Result> {
  const parameters = await subject.parameters();
  const penalty = await compileParameterPenalty(regularizer, parameters, { runtime: { threads: 1 } });
  try {
    return await use(penalty, parameters);
  } finally {
    await penalty.release();
  }
}

function gradientsOf({ gradients }: ParameterPenaltyResult): Map<string, Float32Array> {
  return new Map(Object.entries(gradients).map(([name, { data }]) => [name, data as Float32Array]));
}

/** The tensors somewhere else: every value moved by up to `distance`. */
function movedTensors(
  { tensors }: HostParameters,
  distance: number,
): Record<string, PlainArray & { readonly data: Float32Array }> {
  const random = randomNumbers(5);
  return Object.fromEntries(
    Object.entries(tensors).map(([name, { data, shape }]) => [
      name,
      { data: Float32Array.from(data as ArrayLike<number>, (value) => value + distance * random()), shape },
    ]),
  );
}
