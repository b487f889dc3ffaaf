import type { Llama3Rotary, LongRotary, RotaryConfig, YarnRotary } from './rotary-config.ts';

/**
 * Radians a position for each pair of features, [features / 2], in sequences that are no longer than the model was first
 * made for. Rounded to float32 where torch rounds: at position 10,000 the last bit of a frequency is a third of a
 * thousandth of a turn.
 */
export function inverseFrequencies(config: RotaryConfig): Float32Array {
  switch (config.kind) {
    case 'default':
    case 'dynamic':
      return plainFrequencies(config);
    case 'linear':
      return plainFrequencies(config).map((frequency) => frequency / config.factor);
    case 'llama3':
      return plainFrequencies(config).map((frequency) => llama3Frequency(frequency, config));
    case 'yarn':
      return yarnFrequencies(config);
    case 'longrope':
      return dividedFrequencies(config, config.shortFactors);
  }
}

/** As {@link inverseFrequencies}, in longer sequences. */
export function longFrequencies(config: LongRotary): Float32Array {
  return dividedFrequencies(config, config.longFactors);
}

type Base = Pick<RotaryConfig, 'base' | 'features'>;

/** base^(2i / d) */
function wavelengths({ base, features }: Base): Float32Array {
  return Float32Array.from({ length: features / 2 }, (_, pair) => base ** Math.fround((2 * pair) / features));
}

function plainFrequencies(config: Base): Float32Array {
  return wavelengths(config).map((wavelength) => 1 / wavelength);
}

function dividedFrequencies(config: Base, factors: readonly number[]): Float32Array {
  return wavelengths(config).map(
    (wavelength, pair) => 1 / Math.fround(Math.fround(factors[pair]!) * wavelength),
  );
}

/** Grattafiori et al. 2024, as in Meta's reference code and transformers. */
function llama3Frequency(frequency: number, config: Llama3Rotary): number {
  const { factor, lowFrequencyFactor: low, highFrequencyFactor: high, originalMaximumPositions } = config;
  // How many turns the pair makes within the context the model was first trained on.
  const turns = (originalMaximumPositions * frequency) / (2 * Math.PI);
  if (turns < low) return frequency / factor;
  if (turns > high) return frequency;
  const smooth = (turns - low) / (high - low);
  return ((1 - smooth) * frequency) / factor + smooth * frequency;
}

/** Peng et al. 2023, section 3.2 (NTK-by-parts), as in transformers. */
function yarnFrequencies(config: YarnRotary): Float32Array {
  const { base, features, factor, originalMaximumPositions, betaFast, betaSlow, truncate } = config;
  // The pair, not a whole number, that makes so many turns within the original context.
  const pairOfTurns = (turns: number) =>
    (features * Math.log(originalMaximumPositions / (turns * 2 * Math.PI))) / (2 * Math.log(base));
  const [fast, slow] = [pairOfTurns(betaFast), pairOfTurns(betaSlow)];
  const low = Math.max(truncate ? Math.floor(fast) : fast, 0);
  const end = Math.min(truncate ? Math.ceil(slow) : slow, features - 1);
  const high = end === low ? end + 0.001 : end;
  return wavelengths(config).map((wavelength, pair) => {
    const ramp = Math.fround(Math.fround(pair - low) / Math.fround(high - low));
    const kept = Math.fround(1 - Math.min(Math.max(ramp, 0), 1));
    const interpolated = Math.fround(1 / Math.fround(factor * wavelength));
    const plain = Math.fround(1 / wavelength);
    return Math.fround(interpolated * Math.fround(1 - kept)) + Math.fround(plain * kept);
  });
}
