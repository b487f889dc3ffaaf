import { inverseFrequencies } from '../../../blocks/frequencies.ts';
import type { RotaryConfig } from '../../../rotary-config.ts';
import type { GgufSettings, Refuse } from './architecture.ts';

/** What llama.cpp must know of rotary positions. */
export function ropeSettings(rotary: RotaryConfig, refuse: Refuse): GgufSettings {
  const base = {
    'rope.dimension_count': { type: 'uint32', value: rotary.features },
    'rope.freq_base': { type: 'float32', value: rotary.base },
  } as const;
  switch (rotary.kind) {
    case 'default':
      return { metadata: base };
    case 'linear':
      return {
        metadata: {
          ...base,
          'rope.scaling.type': { type: 'string', value: 'linear' },
          'rope.scaling.factor': { type: 'float32', value: rotary.factor },
        },
      };
    case 'llama3': {
      const plain = inverseFrequencies({ ...rotary, kind: 'default' });
      const scaled = inverseFrequencies(rotary);
      return { metadata: base, ropeFactors: plain.map((frequency, pair) => frequency / scaled[pair]!) };
    }
    default:
      return refuse(`rotary positions of type '${rotary.kind}' cannot be written as GGUF`);
  }
}
