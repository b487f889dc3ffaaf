import type { ArchitectureSource } from './architecture.ts';
import type { ArchitectureKeys } from './architecture-keys.ts';

/** What is known of rotary positions before. */
export interface RopeFacts {
  readonly headSize: number;
  /** Of the frequencies, where the file does not say. Default 10,000. */
  readonly base?: number;
}

/**
 * What config.json says of rotary positions, in transformers 4's spelling, which all versions read: `rope_theta` and
 * `rope_scaling`.
 *
 * @throws GgufError for what is not supported.
 */
export async function readRopeSettings(
  source: ArchitectureSource,
  { headSize, base: usual = 10_000 }: RopeFacts,
): Promise<Record<string, unknown>> {
  const { keys } = source;
  keys.requireOneOf('rope.dimension_count', [headSize]);
  const base = keys.number('rope.freq_base') ?? usual;
  const factors = await source.readShortTensor('rope_freqs.weight');
  const scaling = factors === undefined ? namedScaling(keys) : llama3Scaling(keys, factors, base, headSize);
  return { rope_theta: base, rope_scaling: scaling ?? null };
}

function namedScaling(keys: ArchitectureKeys): Record<string, unknown> | undefined {
  const type = keys.text('rope.scaling.type') ?? 'none';
  // The older name of the factor.
  const factor = keys.number('rope.scaling.factor') ?? keys.number('rope.scale_linear') ?? 1;
  // Whether the model was trained further with the scaling: for readers.
  keys.boolean('rope.scaling.finetuned');
  keys.requireOneOf('rope.scaling.attn_factor', [1]);
  const original = keys.count('rope.scaling.original_context_length');
  switch (type) {
    case 'none':
      return undefined;
    case 'linear':
      return factor === 1 ? undefined : { rope_type: 'linear', factor };
    case 'yarn':
      return {
        rope_type: 'yarn',
        factor,
        ...(original === undefined ? {} : { original_max_position_embeddings: original }),
        ...defined({
          beta_fast: keys.number('rope.scaling.yarn_beta_fast'),
          beta_slow: keys.number('rope.scaling.yarn_beta_slow'),
        }),
      };
    default:
      throw keys.refuse('rope.scaling.type', `is ${JSON.stringify(type)}, which is not supported`);
  }
}

function defined(values: Readonly<Record<string, number | undefined>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(values).filter((entry): entry is [string, number] => entry[1] !== undefined),
  );
}

/** Settings of Llama 3.1 and later, of which GGUF keeps only the outcome. */
const llama3 = { low_freq_factor: 1, high_freq_factor: 4 };
const llama3Original = 8192;

/**
 * Llama 3's scaling of frequencies is in GGUF as what each is divided by (`rope_freqs.weight`). The settings are found by
 * computing that from those that all Llama 3 models have.
 */
function llama3Scaling(
  keys: ArchitectureKeys,
  factors: Float32Array,
  base: number,
  headSize: number,
): Record<string, unknown> {
  keys.requireOneOf('rope.scaling.type', ['none']);
  const original = keys.count('rope.scaling.original_context_length') ?? llama3Original;
  const factor = factors.reduce((largest, value) => Math.max(largest, value), 0);
  const expected = Array.from({ length: headSize / 2 }, (_, pair) =>
    divisor(base ** ((-2 * pair) / headSize), factor, original),
  );
  const alike =
    factors.length === expected.length &&
    expected.every((value, pair) => Math.abs(value - factors[pair]!) <= 1e-4 * value);
  if (alike) return { rope_type: 'llama3', factor, ...llama3, original_max_position_embeddings: original };
  throw keys.metadata.fail(
    'rope_freqs.weight',
    'holds factors of rotary frequencies that are not those of Llama 3, which are not supported',
  );
}

/** By what a frequency, in radians a position, is divided: as in transformers' `_compute_llama3_parameters`. */
function divisor(frequency: number, factor: number, original: number): number {
  const wavelength = (2 * Math.PI) / frequency;
  const { low_freq_factor: low, high_freq_factor: high } = llama3;
  if (wavelength < original / high) return 1;
  if (wavelength > original / low) return factor;
  const smooth = (original / wavelength - low) / (high - low);
  return 1 / ((1 - smooth) / factor + smooth);
}
