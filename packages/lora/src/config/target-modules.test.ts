import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { pythonWith, runPython } from '../../../../conformance/python.ts';
import { LoraConfigError, NoTargetModulesError, UnmatchedPatternError } from '../errors.ts';
import { type LoraConfig, loraConfig } from './config.ts';
import { requireEveryPatternMatches, targetModules } from './target-modules.ts';

interface Table {
  readonly models: Readonly<Record<string, readonly string[]>>;
  readonly cases: readonly {
    readonly model: string;
    readonly config: Partial<LoraConfig>;
    /** [index of the layer, rank, scale] of each adapted layer, or 'error'. */
    readonly adapted: readonly (readonly [number, number, number])[] | 'error';
  }[];
}

const fixtures = join(import.meta.dirname, '../__fixtures__');
const table = JSON.parse(readFileSync(join(fixtures, 'target-modules.json'), 'utf8')) as Table;

function layersOf(model: string) {
  return table.models[model]!.map((name) => ({ name, inFeatures: 4, outFeatures: 6 }));
}

function adaptedBy(model: string, config: Partial<LoraConfig>) {
  const layers = layersOf(model);
  const names = layers.map(({ name }) => name);
  const complete = loraConfig({ r: 4, lora_alpha: 8, use_rslora: false, ...config });
  return targetModules(complete, layers).map(({ name, rank, scale }) => [names.indexOf(name), rank, scale]);
}

describe("layers adapted, against PEFT's own answers", () => {
  it.each(table.cases)('$model $config', ({ model, config, adapted }) => {
    if (adapted === 'error') expect(() => adaptedBy(model, config)).toThrow(/adapt nothing|needs /);
    else expect(adaptedBy(model, config)).toEqual(adapted);
  });

  it.skipIf(pythonWith() === undefined)(
    'the table is what the installed PEFT says (skipped: no Python with its modules)',
    async () => {
      const script = join(fixtures, 'make_target_modules.py');
      expect(await runPython(script, ['--print'])).toEqual(table);
    },
  );
});

describe('patterns that do nothing', () => {
  const layers = layersOf('llama');

  it('names patterns and layers when no layer is left', () => {
    try {
      targetModules(loraConfig({ target_modules: ['c_attn', 'c_fc'] }), layers);
      expect.unreachable();
    } catch (error) {
      if (!NoTargetModulesError.isInstance(error)) throw error;
      expect(error.patterns).toEqual(['c_attn', 'c_fc']);
      expect(error.layerNames).toHaveLength(84);
      expect(error.message).toContain("'c_attn', 'c_fc'");
      expect(error.message).toContain('model.layers.0.self_attn.q_proj');
      expect(error.message).toContain('and 76 more');
    }
  });

  it.each<[string, string[], Partial<LoraConfig>]>([
    ['target_modules', ['c_attn'], { target_modules: ['q_proj', 'c_attn'] }],
    ['exclude_modules', ['lm_head'], { exclude_modules: ['o_proj', 'lm_head'] }],
    ['exclude_modules', ['.*lm_head'], { exclude_modules: '.*lm_head' }],
    ['layers_to_transform', ['12'], { layers_to_transform: [11, 12] }],
    ['rank_pattern', ['o_proj'], { target_modules: ['q_proj'], rank_pattern: { q_proj: 2, o_proj: 3 } }],
    ['alpha_pattern', ['^layers.0'], { alpha_pattern: { '^layers.0': 3 } }],
  ])('%s: entries %j', (field, patterns, options) => {
    try {
      requireEveryPatternMatches(loraConfig(options), layers);
      expect.unreachable();
    } catch (error) {
      if (!UnmatchedPatternError.isInstance(error)) throw error;
      expect(error).toMatchObject({ field, patterns });
    }
  });

  it('passes a configuration all of whose entries act', () => {
    const config = loraConfig({
      target_modules: ['q_proj', 'v_proj', 'mlp.up_proj'],
      exclude_modules: ['3.mlp.up_proj'],
      layers_to_transform: [0, 3, 11],
      layers_pattern: 'layers',
      rank_pattern: { v_proj: 2 },
    });
    expect(() => requireEveryPatternMatches(config, layers)).not.toThrow();
  });
});

describe('patterns from strangers', () => {
  function refusalOf(config: Partial<LoraConfig>): LoraConfigError {
    try {
      targetModules(loraConfig(config), layersOf('llama'));
    } catch (error) {
      if (LoraConfigError.isInstance(error)) return error;
      throw error;
    }
    return expect.fail('nothing was thrown');
  }

  it.each([
    ['(', /not valid/],
    ['(?>q)_proj', /atomic group/],
    ['.*+', /not valid/],
    ['layers{,3}', /without a lower bound/],
    ['(?x) q', /\(\?x\)/],
    ['.*\\N', /\\N/],
    ['.*\\.(?P<digit>\\d)(?P=digit)\\..*up_proj', /the backreference \(\?P=/],
    ['(a)\\1', /the backreference \\1/],
    ['.*(?!down)_proj', /a lookahead.* elsewhere than at the beginning/],
    ['(?!a)b|c', /a lookahead before an alternation/],
    ['(?<index>q)', /\(\?</],
    ['[[:alpha:]]+', /character class/],
    ['(?(1)a|b)', /condition/],
    ['.*(?i)q_proj', /\(\?i\)/],
    ['q'.repeat(5000), /longer than 4096/],
  ])('what RE2 lacks or reads otherwise is refused by name: %s', (pattern, reason) => {
    const error = refusalOf({ target_modules: pattern });
    expect(error.field).toBe('target_modules');
    expect(error.message).toContain('cannot be used as a pattern');
    expect(error.message).toMatch(reason);
  });

  it('are matched in linear time', () => {
    const trap = '(a+)+$';
    const layers = [{ name: `${'a'.repeat(2000)}!`, inFeatures: 4, outFeatures: 6 }];
    for (const config of [
      { target_modules: trap },
      { target_modules: '(.*a){25}' },
      { target_modules: ['x'], exclude_modules: '([^x]*[^y]*)*z' },
    ]) {
      expect(() => targetModules(loraConfig(config), layers)).toThrow(NoTargetModulesError);
    }
    const ranks = targetModules(
      loraConfig({ target_modules: '.*', r: 2, rank_pattern: { [trap]: 3, '(a|aa)+$': 4 } }),
      layers,
    );
    expect(ranks[0]!.rank).toBe(2);
  });

  it('are bounded in number and size', () => {
    const many = Object.fromEntries(Array.from({ length: 4000 }, (_, index) => [`x{0,900}${index}`, 2]));
    expect(refusalOf({ rank_pattern: many }).message).toMatch(/too many steps/);
    const more = Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`q${index}`, 2]));
    expect(() => loraConfig({ alpha_pattern: more })).toThrow(/alpha_pattern/);
    const perLayer = Object.fromEntries(
      Array.from({ length: 882 }, (_, index) => [`model.layers.${index}.self_attn.q_proj`, 2]),
    );
    const adapted = targetModules(
      loraConfig({ target_modules: ['q_proj'], rank_pattern: perLayer }),
      layersOf('llama'),
    );
    expect(adapted.map(({ rank }) => rank)).toEqual(Array.from({ length: 12 }, () => 2));
  });
});
