import { RegularizerOptionError } from '../errors.ts';
import type { GradientContext } from './gradient-context.ts';
import type { Regularizer } from './regularizer.ts';
import { shown } from './shown.ts';

/**
 * What a regularizer makes of a step's gradient.
 *
 * @param gradient flat, of everything that is minimised; the hook may change it in place
 * @throws RegularizerOptionError when it gives something else than a gradient of this size; what the hook throws.
 */
export async function changedGradient(
  regularizer: Regularizer,
  gradient: Float32Array,
  context: GradientContext,
): Promise<Float32Array> {
  const changed: unknown = await regularizer.gradient!(gradient, context);
  if (changed instanceof Float32Array && changed.length === gradient.length) return changed;
  const what = changed instanceof Float32Array ? `an array of ${changed.length} values` : shown(changed);
  throw new RegularizerOptionError(
    regularizer.name,
    `its gradient gives ${what}, must give the gradient to step with: a Float32Array of ${gradient.length} values`,
  );
}
