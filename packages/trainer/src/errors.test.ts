import { describe, expect, it } from 'vitest';
import { InsufficientMemoryError, type MemoryShortage } from './errors.ts';

const errorOf = (shortage: Partial<MemoryShortage>) =>
  InsufficientMemoryError.ofModes({
    available: 2e9,
    estimates: [{ mode: 'whole', total: 5e9 }],
    others: [],
    precision: 'float32',
    trainsAdapter: true,
    ...shortage,
  });
const batches = 'shorter or fewer examples a batch (with gradient accumulation the step stays the same)';

describe('InsufficientMemoryError of modes', () => {
  it('advises 8 bits to weights that have more', () => {
    expect(errorOf({}).message).toBe(
      "the run would need 5.00 GB in mode 'whole'; there are 2.00 GB. " +
        `Use ${batches}, the model in int8 instead of float32 or more memory.`,
    );
    expect(errorOf({ precision: 'int8x3' }).message).toContain('the model in int8 instead of int8x3 or');
    expect(errorOf({ precision: 'int8' }).message).toMatch(/\. Use shorter [^,]* same\) or more memory\.$/);
  });

  it('advises an adapter, and not 8 bits, to who trains all weights', () => {
    const { message } = errorOf({ trainsAdapter: false });
    expect(message).toContain(`Use ${batches}, an adapter in the place of all weights or more memory.`);
    expect(message).not.toContain('int8');
  });

  it('names the fastest other mode that fits, or says that none does', () => {
    const others = [
      { mode: 'recompute', total: 3e9 },
      { mode: 'layered', total: 1.5e9 },
      { mode: 'streamed', total: 1e9 },
    ] as const;
    const error = errorOf({ others });
    expect(error.fitting).toBe('layered');
    expect(error.needed).toEqual({ whole: 5e9 });
    expect(error.message).toContain(
      `there are 2.00 GB. Mode 'layered' would fit, with 1.50 GB: ask for it or for 'auto'. Or use ${batches}`,
    );
    const none = errorOf({ others, available: 0.5e9 });
    expect(none.fitting).toBeNull();
    expect(none.message).toContain('there are 0.50 GB. No other mode fits either. Use shorter');
  });
});
