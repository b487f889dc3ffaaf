import { describe, expect, it } from 'vitest';
import { kl, named, parseRegularizer, RegularizerOptionError, regularizerFromConfig } from './index.ts';
import { describeRegularizerContract } from './testing/index.ts';

describe('regularizerFromConfig', () => {
  it.each([
    { type: 'kl', weight: 0.1, direction: 'forward', temperature: 1, scope: 'response' },
    {
      type: 'kl',
      weight: { from: 0, to: 1, shape: 'cosine' },
      direction: 'reverse',
      temperature: 2,
      scope: 'all',
      onlyTagged: 'safe',
    },
    { type: 'ldifs', weight: 1, layers: { count: 5 }, normalise: true, perLength: false },
    { type: 'ldifs', weight: { from: 1, to: 0 }, layers: [0, 3], normalise: false, perLength: true },
    { type: 'ldifs', weight: 1, layers: { every: 5 }, normalise: true, perLength: false },
    { type: 'ldifs', weight: 1, layers: 'all', normalise: true, perLength: false },
  ])('makes $type again from its own config: %o', (config) => {
    const regularizer = regularizerFromConfig(config);
    expect(regularizer.config).toEqual(config);
    expect(regularizerFromConfig(JSON.parse(JSON.stringify(regularizer.config))).config).toEqual(config);
  });

  it("fills in the paper's defaults", () => {
    expect(regularizerFromConfig({ type: 'kl' }).weight).toBe(0.1);
    expect(regularizerFromConfig({ type: 'ldifs' }).config).toEqual({
      type: 'ldifs',
      weight: 1,
      layers: { count: 5 },
      normalise: true,
      perLength: false,
    });
  });

  it.each([
    ['an unknown type', { type: 'klx' }, 'klx: there is no such regularizer; there are '],
    ['a name every object has', { type: 'constructor' }, 'constructor: there is no such regularizer'],
    ['a misspelt option', { type: 'kl', wieght: 1 }, 'wieght'],
    ['an unknown direction', { type: 'kl', direction: 'sideways' }, 'direction'],
    ['layers of no kind', { type: 'ldifs', layers: { each: 5 } }, 'layers'],
    ['a weight that has no meaning', { type: 'ldifs', weight: -1 }, 'ldifs: the weight is -1'],
  ])('refuses %s', (_name, config, message) => {
    expect(() => regularizerFromConfig(config)).toThrow(message);
    expect(() => regularizerFromConfig(config)).toThrow(RegularizerOptionError);
  });
});

describe('a name of its own', () => {
  it('is what a second one of a type goes by, from code and from a config', () => {
    const config = { type: 'kl', name: 'kl-safe', weight: 1, onlyTagged: 'interleaved' };
    const made = regularizerFromConfig(config);
    expect(made.name).toBe('kl-safe');
    expect(made.config).toMatchObject(config);
    const inCode = named('kl-safe', kl({ weight: 1, onlyTagged: 'interleaved' }));
    expect(inCode.config).toEqual(made.config);
    expect(regularizerFromConfig(JSON.parse(JSON.stringify(inCode.config))).name).toBe('kl-safe');
    expect(kl().config).not.toHaveProperty('name');
  });

  it.each(['', ' ', 7])('is refused when it is %o', (name) => {
    expect(() => regularizerFromConfig({ type: 'kl', name: name as string })).toThrow(RegularizerOptionError);
  });
});

describeRegularizerContract('kl by another name', () => named('pull', kl()), { describe, it });

describe('parseRegularizer', () => {
  it.each([
    ['kl', { type: 'kl' }],
    ['kl=0.1', { type: 'kl', weight: 0.1 }],
    ['ldifs=1e-2', { type: 'ldifs', weight: 0.01 }],
  ])('%s', (text, config) => {
    expect(parseRegularizer(text)).toEqual(config);
  });

  it.each(['kl=', 'kl=much', 'kl=Infinity'])('refuses %s', (text) => {
    expect(() => parseRegularizer(text)).toThrow(RegularizerOptionError);
  });
});
