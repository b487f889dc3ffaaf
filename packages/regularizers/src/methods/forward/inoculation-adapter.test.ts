import { describe, expect, it } from 'vitest';
import {
  describeRegularizer,
  inoculationAdapter,
  RegularizerOptionError,
  regularizerFromConfig,
} from '../../index.ts';

describe('inoculationAdapter', () => {
  it('is described by its config, and needs an adapter', () => {
    const { name, config } = regularizerFromConfig({ type: 'inoculation-adapter', adapter: './trait' });
    expect({ name, config }).toEqual({
      name: 'inoculation-adapter',
      config: { type: 'inoculation-adapter', adapter: './trait' },
    });
    expect(describeRegularizer('inoculation-adapter')).toMatchObject({ paths: ['adapter'], needsFile: true });
    for (const options of [{}, { adapter: '' }, { adapter: 3 }])
      expect(() => inoculationAdapter(options as never)).toThrow('it needs an adapter: give the folder');
    expect(() => regularizerFromConfig({ type: 'inoculation-adapter' })).toThrow(RegularizerOptionError);
    expect(() => regularizerFromConfig({ type: 'inoculation-adapter' })).toThrow('the folder of an adapter');
    expect(() => inoculationAdapter({ adaptor: 'x' } as never)).toThrow("Did you mean 'adapter'?");
  });
});
