import { describe, expect, it } from 'vitest';
import { adapterConfigOf } from './adapter-options.ts';
import { UsageError } from './usage-error.ts';

describe('adapterConfigOf', () => {
  it("reads options as PEFT's fields", () => {
    expect(adapterConfigOf({})).toEqual({ use_rslora: true, target_modules: 'all-linear' });
    expect(
      adapterConfigOf({
        rank: '8',
        'plain-lora': true,
        'target-modules': 'q_proj,lm_head',
        'exclude-modules': '.*layers\\.1\\..*',
        'layers-to-transform': '0,2',
        dropout: '0.05',
        dora: true,
        init: 'pissa_niter_4',
        bias: 'lora_only',
        'modules-to-save': 'embed_tokens,norm',
        'trainable-tokens': '5,17',
        'ensure-weight-tying': true,
      }),
    ).toEqual({
      r: 8,
      lora_alpha: 16,
      use_rslora: false,
      target_modules: ['q_proj', 'lm_head'],
      exclude_modules: '.*layers\\.1\\..*',
      layers_to_transform: [0, 2],
      lora_dropout: 0.05,
      use_dora: true,
      init_lora_weights: 'pissa_niter_4',
      bias: 'lora_only',
      modules_to_save: ['embed_tokens', 'norm'],
      trainable_token_indices: [5, 17],
      ensure_weight_tying: true,
    });
    expect(adapterConfigOf({ init: 'default', alpha: '3' })).not.toHaveProperty('init_lora_weights');
  });

  it.each([{ 'trainable-tokens': 'a,b' }, { 'layers-to-transform': '1,' }, { dropout: '-1' }, { rank: '0' }])(
    'refuses %j',
    (options) => {
      expect(() => adapterConfigOf(options)).toThrow(UsageError);
    },
  );
});
