import type { CausalLm } from '../causal-lm.ts';
import { GenerationError } from '../errors.ts';
import type { LinearAdapter } from '../linear.ts';

/**
 * A layer that the model lacks would be passed over, and the model would answer as if it had no adapter.
 *
 * @throws GenerationError for an adapter of another model.
 */
export function checkAdapter(
  adapter: LinearAdapter | undefined,
  { linearLayers, outputLayer }: CausalLm,
): void {
  for (const { name, inFeatures, outFeatures } of adapter?.modules ?? []) {
    const layer = [...linearLayers, outputLayer].find((each) => each.name === name);
    if (layer?.inFeatures === inFeatures && layer.outFeatures === outFeatures) continue;
    throw new GenerationError(
      `the adapter changes a layer '${name}' of ${inFeatures} inputs and ${outFeatures} outputs, which the model does not ` +
        'have; is the adapter of another model?',
    );
  }
}
