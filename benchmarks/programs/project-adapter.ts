/** SafeLoRA's projection of a whole adapter, in a process of its own: its time and peak memory. */
import { createLoraAdapter } from '@safetune/lora';
import { loadModel } from '@safetune/models';
import { projectAdapter } from '@safetune/regularizers';
import { peakBytes, print, settings } from './lines.ts';

const { base, aligned } = settings<{ readonly base: string; readonly aligned: string }>();
const model = await loadModel(base);
const adapter = createLoraAdapter(model.linearLayers, {
  r: 32,
  lora_alpha: 64,
  target_modules: 'all-linear',
});
adapter.parameters.forEach((_, index) => {
  adapter.parameters[index] = Math.random() - 0.5;
});
const started = performance.now();
const { modules } = await projectAdapter(adapter, { base, aligned });
print({ type: 'figure', name: 'seconds', value: (performance.now() - started) / 1000 });
print({ type: 'figure', name: 'modules', value: modules.length });
print({ type: 'figure', name: 'peakBytes', value: peakBytes() });
