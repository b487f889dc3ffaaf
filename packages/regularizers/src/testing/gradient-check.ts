import { arrayOf, gradientArrays, largest, type SampledTerm, withArray } from './penalty-runs.ts';
import { randomNumbers, type SampleOutputs } from './sample-outputs.ts';
import type { Assert } from './subject.ts';

/** Large enough that float32 rounding of the value does not show, small enough for a stencil of fourth order. */
const stride = 0.05;
const tolerance = 0.02;
const coordinates = 40;

/** A scalar over named arrays, and what is said to be its gradient. */
export interface Differentiable {
  readonly gradients: ReadonlyMap<string, Float32Array>;
  /** The array at which it was taken. */
  valuesOf(name: string): Float32Array;
  /** The scalar with other values of one array. */
  valueWith(name: string, values: Float32Array): Promise<number>;
}

/** {@link requireGradient} of a term of the loss, on a sample of a forward pass. */
export async function requireTermGradient(
  term: SampledTerm,
  outputs: SampleOutputs,
  assert: Assert,
): Promise<void> {
  const differentiable: Differentiable = {
    gradients: gradientArrays(await term.run(outputs)),
    valuesOf: (name) => arrayOf(outputs, name),
    valueWith: async (name, values) => (await term.run(withArray(outputs, name, values))).value,
  };
  await requireGradient(differentiable, assert);
}

/**
 * Compares each gradient with finite differences: along the gradient itself, along a random direction, and along
 * single coordinates. A gradient that is zero although the value moves means detached features.
 */
export async function requireGradient(
  { gradients, valuesOf, valueWith }: Differentiable,
  assert: Assert,
): Promise<void> {
  assert(gradients.size > 0, 'it depends on nothing of the model in training');
  for (const [name, gradient] of gradients) {
    const start = valuesOf(name);
    const slope = async (direction: (index: number) => number) => {
      const at = async (distance: number) => {
        const moved = start.map((value, index) => value + distance * direction(index));
        return valueWith(name, moved);
      };
      const [far, near] = [
        (await at(2 * stride)) - (await at(-2 * stride)),
        (await at(stride)) - (await at(-stride)),
      ];
      return (8 * near - far) / (12 * stride);
    };

    const random = randomNumbers(start.length);
    const some = start.map(() => random());
    const length = Math.hypot(...gradient);
    const alongSome = await slope((index) => some[index]! / Math.hypot(...some));
    assert(
      Number.isFinite(length) && length > 1e-6,
      Math.abs(alongSome) > 1e-4
        ? `no gradient reaches ${name}, but the value changes with it (by ${alongSome}): is it detached?`
        : `the gradient with respect to ${name} has length ${length}: it would not train`,
    );
    const expectSlope = (found: number, expected: number, where: string) =>
      assert(
        Math.abs(found - expected) <= tolerance * length,
        `the gradient with respect to ${name} gives a slope of ${expected} ${where}, finite differences ${found}`,
      );
    expectSlope(await slope((index) => gradient[index]! / length), length, 'along itself');
    expectSlope(alongSome, along(gradient, some) / Math.hypot(...some), 'along a random direction');
    const every = Math.max(1, Math.floor(start.length / coordinates));
    const scale = largest(gradient);
    for (let index = 0; index < start.length; index += every) {
      const found = await slope((at) => (at === index ? 1 : 0));
      assert(
        Math.abs(found - gradient[index]!) <= 2 * tolerance * scale,
        `the gradient with respect to ${name} is ${gradient[index]} at element ${index}, finite differences give ${found}`,
      );
    }
  }
}

function along(gradient: Float32Array, direction: Float32Array): number {
  return gradient.reduce((total, value, index) => total + value * direction[index]!, 0);
}
