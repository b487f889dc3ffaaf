import { createLoraAdapter } from '@safetune/lora';
import { hostArray } from '@safetune/tensor';
import { type HostParameters, parametersOf } from '../host-arrays/parameter-inputs.ts';

/** A new adapter of two layers, and a vector that is trained whole. */
export function sampleParameters(): HostParameters {
  const layers = [
    { name: 'model.up_proj', inFeatures: 6, outFeatures: 5 },
    { name: 'model.down_proj', inFeatures: 5, outFeatures: 6 },
  ];
  const adapter = createLoraAdapter(layers, {
    r: 2,
    lora_alpha: 4,
    target_modules: ['up_proj', 'down_proj'],
  });
  const { tensors, ...rest } = parametersOf(adapter);
  return {
    ...rest,
    tensors: { ...tensors, 'model.norm.weight': hostArray(new Float32Array(6).fill(1), [6]) },
  };
}
