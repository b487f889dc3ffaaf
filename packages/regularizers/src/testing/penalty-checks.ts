import type { CompiledPenalty } from '../host-arrays/on-host-arrays.ts';
import type { Regularizer } from '../interface/regularizer.ts';
import { blindToMaskedTokens, blindToPadding } from './blindness-checks.ts';
import { requireTermGradient } from './gradient-check.ts';
import { gradientArrays, largest, type SampledTerm, withPenalty } from './penalty-runs.ts';
import {
  atReference,
  randomNumbers,
  type SampleArray,
  type SampleOutputs,
  withValues,
} from './sample-outputs.ts';
import { type Assert, type ContractCheck, check, type Subject } from './subject.ts';
import { deterministic, type Evaluate, linearInWeight, twice } from './value-checks.ts';

/** The largest number of a half-precision float: what a model may hand a penalty at worst. */
const extreme = 65504;

/** What every term of the loss must do. */
export function penaltyChecks(subject: Subject, regularizer: Regularizer): ContractCheck[] {
  const { needs = {} } = regularizer;
  const on = (
    name: string,
    body: (penalty: CompiledPenalty, outputs: SampleOutputs, assert: Assert) => Promise<void>,
  ) =>
    check(subject, name, (made, assert) =>
      withPenalty(made, subject.model, (penalty, outputs) => body(penalty, outputs, assert)),
    );
  const evaluate: Evaluate = (made, weight) =>
    withPenalty(made, subject.model, (penalty, outputs) =>
      twice(async () => {
        const result = await penalty.run(outputs, weight);
        return { value: result.value, gradients: gradientArrays(result) };
      }),
    );
  const usesReference = needs.referenceLogits === true || needs.referenceHiddenStates !== undefined;
  const { isDistance = usesReference, tolerance } = subject;
  return [
    on('its gradient equals finite differences and is not zero', (penalty, outputs, assert) =>
      requireTermGradient(penalty, outputs, assert),
    ),
    ...(isDistance
      ? [
          on('is zero at the reference', (...run) => zeroAtReference(...run, tolerance)),
          on('is never negative', (...run) => neverNegative(...run, tolerance)),
        ]
      : []),
    // One that changes the gradient weighs what it takes from its penalty by itself.
    ...(regularizer.gradient === undefined
      ? [
          check(subject, 'is linear in its weight', (made, assert) =>
            linearInWeight(made, subject, evaluate, assert),
          ),
        ]
      : []),
    on('is blind to padding', blindToPadding),
    ...(needs.rows === 'all' ? [] : [on('is blind to masked tokens', blindToMaskedTokens)]),
    check(subject, 'is deterministic', (made, assert) => deterministic(made, subject, evaluate, assert)),
    on('stays finite under fp16-sized extremes', finiteUnderExtremes),
    on('stays finite when nothing is in scope', finiteOutOfScope),
  ];
}

async function zeroAtReference(
  penalty: CompiledPenalty,
  outputs: SampleOutputs,
  assert: Assert,
  tolerance: number,
): Promise<void> {
  const result = await penalty.run(atReference(outputs));
  assert(Math.abs(result.value) <= tolerance, `is ${result.value} where the model equals its reference`);
  for (const [name, gradient] of gradientArrays(result)) {
    const most = largest(gradient);
    assert(
      most <= 1e-5,
      `the gradient with respect to ${name} is up to ${most} where the model equals its reference`,
    );
  }
}

async function neverNegative(
  penalty: CompiledPenalty,
  outputs: SampleOutputs,
  assert: Assert,
  tolerance: number,
): Promise<void> {
  const base = atReference(outputs);
  // Far from the reference, and so near that rounding is all there is.
  for (const distance of [3, 1e-2, 1e-4, 1e-6]) {
    const random = randomNumbers(7);
    const logits = { ...base.logits, data: base.logits.data.map((value) => value + distance * random()) };
    const hiddenStates = new Map(
      [...base.hiddenStates].map(([layer, array]) => [
        layer,
        { ...array, data: array.data.map((value) => value + distance * random()) },
      ]),
    );
    const { value } = await penalty.run({ ...base, logits, hiddenStates });
    assert(value >= -tolerance, `is ${value} at a distance of ${distance} from the reference`);
  }
}

/** Whatever finite numbers a model may give. */
export async function finiteUnderExtremes(
  penalty: SampledTerm,
  outputs: SampleOutputs,
  assert: Assert,
): Promise<void> {
  const random = randomNumbers(17);
  const situations: readonly (readonly [string, SampleOutputs])[] = [
    ['logits and states of +-65504', withValues(outputs, () => Math.sign(random()) * extreme)],
    ['a few values of 65504 among zeros', withValues(outputs, () => (random() > 0.8 ? extreme : 0))],
    [
      'a model and reference both at +-65504',
      atReference(withValues(outputs, () => Math.sign(random()) * extreme)),
    ],
    ['values of 6e-8', withValues(outputs, () => Math.sign(random()) * 6e-8)],
    ['zeros', withValues(outputs, () => 0)],
  ];
  for (const [name, situation] of situations) await requireFinite(penalty, situation, name, assert);
}

/** Where no token and no example is asked for. */
export async function finiteOutOfScope(
  penalty: SampledTerm,
  outputs: SampleOutputs,
  assert: Assert,
): Promise<void> {
  const none = ({ data, shape }: SampleArray): SampleArray => ({
    data: new Float32Array(data.length),
    shape,
  });
  await requireFinite(
    penalty,
    {
      ...outputs,
      responseMask: none(outputs.responseMask),
      lossWeight: none(outputs.lossWeight),
      positionInResponse: none(outputs.positionInResponse),
      tokenResponseMask: none(outputs.tokenResponseMask),
      tagged: Object.fromEntries(Object.entries(outputs.tagged).map(([tag, array]) => [tag, none(array)])),
    },
    'no response token and no tag',
    assert,
  );
}

async function requireFinite(
  penalty: SampledTerm,
  outputs: SampleOutputs,
  situation: string,
  assert: Assert,
): Promise<void> {
  const result = await penalty.run(outputs).catch((cause: unknown) => {
    throw new Error(`fails for ${situation}: ${(cause as Error).message}`, { cause });
  });
  for (const [name, gradient] of gradientArrays(result)) {
    assert(
      Number.isFinite(largest(gradient)),
      `its gradient with respect to ${name} is not finite for ${situation}`,
    );
  }
}
