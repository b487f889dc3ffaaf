import { createLoraAdapter, type LoraAdapter } from '@safetune/lora';

const layers = ['down', 'up', 'out'].map((name) => ({
  name: `model.${name}_proj`,
  inFeatures: 4,
  outFeatures: 6,
}));
/** A new adapter of three layers, the same each time. */
export function sampleAdapter(): LoraAdapter {
  const made = createLoraAdapter(layers, { r: 2, target_modules: ['down_proj', 'up_proj', 'out_proj'] });
  made.parameters.forEach((_, index) => {
    made.parameters[index] = Math.sin(index + 1);
  });
  return made;
}
