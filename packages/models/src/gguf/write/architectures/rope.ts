import { inverseFrequencies } from '../../../blocks/frequencies.ts';
import type { RotaryConfig } from '../../../blocks/rotary-config.ts';
import type { GgufSettings, Refuse } from './architecture.ts';

/** What llama.cpp must know of rotary positions. */
export function ropeSettings(rotary: RotaryConfig, refuse: Refuse): GgufSettings {
  const base = {
    'rope.dimension_count': { type: 'uint32', value: rotary.features },
    'rope.freq_base': { type: 'float32', value: rotary.base },
  } as const;
  const scaling = (type: string, factor: number) =>
    ({
      'rope.scaling.type': { type: 'string', value: type },
      'rope.scaling.factor': { type: 'float32', value: factor },
    }) as const;
  switch (rotary.kind) {
    case 'default':
      return { metadata: base };
    case 'linear':
      return { metadata: { ...base, ...scaling('linear', rotary.factor) } };
    case 'llama3': {
      const plain = inverseFrequencies({ ...rotary, kind: 'default' });
      const scaled = inverseFrequencies(rotary);
      return { metadata: base, ropeFactors: plain.map((frequency, pair) => frequency / scaled[pair]!) };
    }
    case 'yarn': {
      const { factor, betaFast, betaSlow, attentionFactor, truncate, originalMaximumPositions } = rotary;
      const usual = 0.1 * Math.log(factor) + 1;
      if (!truncate || betaFast !== 32 || betaSlow !== 1 || Math.abs(attentionFactor - usual) > 1e-6) {
        return refuse('its rotary positions are scaled by yarn with settings that llama.cpp has not');
      }
      return {
        metadata: {
          ...base,
          ...scaling('yarn', factor),
          'rope.scaling.original_context_length': { type: 'uint32', value: originalMaximumPositions },
        },
      };
    }
    default:
      return refuse(`rotary positions of type '${rotary.kind}' cannot be written as GGUF`);
  }
}
