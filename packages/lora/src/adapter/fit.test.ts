import { expect, it } from 'vitest';
import { AdapterMismatchError } from '../errors.ts';
import { createLoraAdapter } from './adapter.ts';
import { requireEveryModuleFits } from './fit.ts';

const layers = ['q_proj', 'v_proj'].map((name) => ({
  name: `model.layers.0.self_attn.${name}`,
  inFeatures: 6,
  outFeatures: 4,
}));
const adapter = createLoraAdapter(layers, { r: 2, target_modules: ['v_proj'] });

it('lets an adapter pass whose modules the model has, whatever else it has', () => {
  expect(() => requireEveryModuleFits(adapter.modules, layers)).not.toThrow();
  expect(() => requireEveryModuleFits([], [])).not.toThrow();
});

it('names a module that the model lacks, or has in other widths', () => {
  const fit = (known: typeof layers) => {
    try {
      return requireEveryModuleFits(adapter.modules, known);
    } catch (error) {
      return error;
    }
  };
  const module = 'model.layers.0.self_attn.v_proj';
  const missing = fit(layers.slice(0, 1));
  expect(AdapterMismatchError.isInstance(missing)).toBe(true);
  expect(missing).toMatchObject({ module });
  expect((missing as Error).message).toContain("it has 1, such as 'model.layers.0.self_attn.q_proj'");
  expect(fit([])).toMatchObject({ module });
  const wider = fit(layers.map((layer) => ({ ...layer, outFeatures: 8 })));
  expect(wider).toMatchObject({ module });
  expect((wider as Error).message).toContain(
    "it is for 6 inputs and 4 outputs, the model's layer has 6 and 8",
  );
});
