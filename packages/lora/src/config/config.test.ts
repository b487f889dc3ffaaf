import { describe, expect, it } from 'vitest';
import { LoraConfigError, UnsupportedLoraFeatureError } from '../errors.ts';
import { allProjections, loraConfig, parsePeftConfig } from './config.ts';

const peftFile = { peft_type: 'LORA', task_type: 'CAUSAL_LM', target_modules: ['q_proj'] };

function errorOf(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

describe('loraConfig', () => {
  it("fills in the paper's settings", () => {
    expect(loraConfig()).toEqual({
      r: 32,
      lora_alpha: 64,
      use_rslora: true,
      target_modules: allProjections,
      exclude_modules: null,
      layers_to_transform: null,
      layers_pattern: null,
      rank_pattern: {},
      alpha_pattern: {},
      lora_dropout: 0,
      bias: 'none',
      init_lora_weights: true,
      use_dora: false,
      modules_to_save: null,
      trainable_token_indices: null,
      ensure_weight_tying: false,
      task_type: 'CAUSAL_LM',
      base_model_name_or_path: null,
      revision: null,
      other_fields: {},
    });
    expect(loraConfig({ r: 4, target_modules: 'all-linear' })).toMatchObject({
      r: 4,
      target_modules: 'all-linear',
    });
  });

  it.each([
    ['r', { r: 0 }],
    ['r', { r: 1.5 }],
    ['lora_alpha', { lora_alpha: Number.NaN }],
    ['lora_alpha', { lora_alpha: 0 }],
    ['lora_dropout', { lora_dropout: 1 }],
    ['target_modules', { target_modules: [] }],
    ['target_modules', { target_modules: '' }],
    ['rank_pattern', { rank_pattern: { q_proj: 2.5 } }],
    ['alpha_pattern.q_proj', { alpha_pattern: { q_proj: -1 } }],
    ['layers_to_transform', { target_modules: 'all-linear', layers_to_transform: [0] }],
    ['layers_pattern', { target_modules: ['q_proj'], layers_pattern: 'layers' }],
  ])('refuses a bad %s: %j', (field, options) => {
    const error = errorOf(() => loraConfig(options));
    expect(LoraConfigError.isInstance(error) && error.field).toBe(field);
  });

  it.each([
    ['rank', "did you mean 'r'|there are r,"],
    ['lora_aplha', "did you mean 'lora_alpha'"],
    ['targetModules', "did you mean 'target_modules'"],
    ['constructor', 'there are r, lora_alpha'],
    ['toString', 'there are r, lora_alpha'],
  ])('refuses the misspelt field %s', (field, hint) => {
    const error = errorOf(() => loraConfig({ [field]: 8 } as never));
    expect(LoraConfigError.isInstance(error) && error.field).toBe(field);
    expect((error as Error).message).toMatch(new RegExp(hint));
  });

  it("takes PEFT's other fields where they ask for what is done anyway", () => {
    const options = {
      peft_type: 'LORA',
      inference_mode: true,
      init_lora_weights: true,
      use_dora: false,
      r: 4,
    };
    expect(loraConfig(options as never)).toMatchObject({ r: 4 });
  });

  it('refuses what asks for an unsupported feature, also under keys it does not know', () => {
    const error = errorOf(() => loraConfig({ use_something_new: true } as never));
    expect(UnsupportedLoraFeatureError.isInstance(error) && error.field).toBe('use_something_new');
  });
});

describe('parsePeftConfig', () => {
  it("takes PEFT's defaults, not ours, for what the file leaves out", () => {
    const config = parsePeftConfig(peftFile, 'adapter_config.json');
    expect(config).toMatchObject({ r: 8, lora_alpha: 8, use_rslora: false, target_modules: ['q_proj'] });
  });

  it('keeps keys without effect', () => {
    const config = parsePeftConfig(
      {
        ...peftFile,
        task_type: null,
        rank_pattern: null,
        peft_version: '9.9',
        megatron_core: 'megatron.core',
        qalora_group_size: 16,
        corda_config: null,
        use_dora: false,
        use_bdlora: null,
        use_something_new: false,
        trainable_token_indices: null,
        modules_to_save: [],
        init_lora_weights: 'gaussian',
        loftq_config: {},
        note: { author: 'someone' },
      },
      'adapter_config.json',
    );
    expect(config.task_type).toBe('CAUSAL_LM');
    expect(config.rank_pattern).toEqual({});
    expect(config.modules_to_save).toBeNull();
    expect(config.other_fields).toMatchObject({
      peft_version: '9.9',
      qalora_group_size: 16,
      note: { author: 'someone' },
    });
    expect(config.other_fields).not.toHaveProperty('use_dora');
  });

  it.each([
    ['use_qalora', true],
    ['peft_type', 'ADALORA'],
    ['task_type', 'SEQ_CLS'],
    ['megatron_config', { hidden: 1 }],
    ['lora_bias', true],
    ['fan_in_fan_out', true],
    ['layer_replication', [[0, 4]]],
    ['target_parameters', ['experts.up_proj']],
    ['alora_invocation_tokens', [5]],
    ['arrow_config', { top_k: 2 }],
    ['init_lora_weights', 'pissa'],
    ['init_lora_weights', 'pissa_niter_4'],
    ['init_lora_weights', 'olora'],
    ['init_lora_weights', 'OLoRA'],
    ['init_lora_weights', 'loftq'],
    ['something_new_config', { strength: 2 }],
    ['use_something_new', true],
  ])('refuses %s = %j, naming field and file', (field, value) => {
    const error = errorOf(() => parsePeftConfig({ ...peftFile, [field]: value }, 'dir/adapter_config.json'));
    if (!UnsupportedLoraFeatureError.isInstance(error)) throw error;
    expect(error).toMatchObject({ field, value, file: 'dir/adapter_config.json' });
    expect(error.message).toContain(`dir/adapter_config.json: ${field} = ${JSON.stringify(value)}`);
  });

  it.each([
    ['target_modules', { ...peftFile, target_modules: null }],
    ['r', { ...peftFile, r: '8' }],
    ['peft_type', { target_modules: ['q_proj'] }],
    ['(the whole file)', []],
    ['(the whole file)', null],
  ])('refuses a file with a bad %s', (field, json) => {
    const error = errorOf(() => parsePeftConfig(json, 'adapter_config.json'));
    expect(LoraConfigError.isInstance(error) && error.field).toBe(field);
  });

  it("is not deceived by keys that all of JavaScript's objects have", () => {
    const file = JSON.parse(
      '{"peft_type": "LORA", "target_modules": ["q_proj"], "constructor": 1, "toString": null, "__proto__": {"r": 2}}',
    ) as unknown;
    expect(parsePeftConfig(file, 'adapter_config.json')).toMatchObject({ r: 8 });
    const named = { ...peftFile, rank_pattern: { constructor: 4, hasOwnProperty: 2 } };
    expect(parsePeftConfig(named, 'adapter_config.json').rank_pattern).toEqual({
      constructor: 4,
      hasOwnProperty: 2,
    });
    const lost = JSON.parse('{"peft_type": "LORA", "rank_pattern": {"__proto__": 4}}') as object;
    const error = errorOf(() => parsePeftConfig({ ...lost, target_modules: ['x'] }, 'adapter_config.json'));
    expect(LoraConfigError.isInstance(error) && error.field).toBe('rank_pattern');
  });

  it('bounds lists, and messages about them', () => {
    const many = Array.from({ length: 1_000_000 }, (_, index) => `\u001b[2J${index}`);
    for (const field of ['target_modules', 'exclude_modules', 'layers_to_transform', 'layers_pattern']) {
      const error = errorOf(() => parsePeftConfig({ ...peftFile, [field]: many }, 'adapter_config.json'));
      if (!LoraConfigError.isInstance(error)) throw error;
      expect(error.message.length).toBeLessThan(1000);
      expect(error.message).not.toContain('\u001b');
    }
  });

  it.each([
    ['bias', 'some'],
    ['modules_to_save', 'lm_head'],
    ['trainable_token_indices', [1, 1]],
    ['trainable_token_indices', [-1]],
    ['use_dora', 'yes'],
  ])('refuses %s = %j', (field, value) => {
    const error = errorOf(() => parsePeftConfig({ ...peftFile, [field]: value }, 'adapter_config.json'));
    expect(LoraConfigError.isInstance(error) && error.field.split('.')[0]).toBe(field);
  });
});
