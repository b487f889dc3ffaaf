import { expect, it } from 'vitest';
import { regularizerFromConfig } from './config.ts';

it.each([
  [{ type: 'kl', wieght: 1 }, "there is no option 'wieght'. Did you mean 'weight'?"],
  [{ type: 'kl', weight: 'lots' }, 'weight: must be a number, {from, to} with numbers'],
  [{ type: 'kl', direction: 'up' }, 'direction must be forward or reverse'],
  [{ type: 'kl', temperature: 'hot' }, 'temperature must be a number'],
  [{ type: 'ldifs', layers: 'some' }, "layers: must be 'all', {every: N}"],
  [{ type: 'ldifs', normalise: 1 }, 'normalise must be true or false'],
  [{ type: 'inoculation', prompt: 3 }, 'prompt must be a text'],
  [{ type: 'safe-lora', aligned: 'model' }, 'base: it needs the folder of the checkpoint before alignment'],
])('%j is refused in plain words', (config, message) => {
  expect(() => regularizerFromConfig(config)).toThrow(message);
});
