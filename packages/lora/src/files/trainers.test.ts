import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { useTemporaryDirectory } from '../__fixtures__/folders.ts';
import { createLoraAdapter } from '../adapter/adapter.ts';
import { adapterConfigFile, loadLoraAdapter, saveLoraAdapter } from './peft-files.ts';

const temporaryDirectory = useTemporaryDirectory();
const names = ['self_attn.q_proj', 'self_attn.k_proj', 'mlp.down_proj'];
const layers = [0, 1].flatMap((block) =>
  names.map((name) => ({ name: `model.layers.${block}.${name}`, inFeatures: 6, outFeatures: 4 })),
);

/** What trainers on PEFT write into adapter_config.json, as found in adapters that they made. */
const configurations: Record<string, Record<string, unknown>> = {
  unsloth: {
    alora_invocation_tokens: null,
    alpha_pattern: {},
    arrow_config: null,
    auto_mapping: {
      base_model_class: 'Qwen3ForCausalLM',
      parent_library: 'transformers.models.qwen3.modeling_qwen3',
      unsloth_fixed: true,
    },
    base_model_name_or_path: 'unsloth/qwen3-4b-unsloth-bnb-4bit',
    bias: 'none',
    corda_config: null,
    ensure_weight_tying: false,
    eva_config: null,
    exclude_modules: null,
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: true,
    layer_replication: null,
    layers_pattern: null,
    layers_to_transform: null,
    loftq_config: {},
    lora_alpha: 4.0,
    lora_bias: false,
    lora_dropout: 0,
    megatron_config: null,
    megatron_core: 'megatron.core',
    modules_to_save: null,
    peft_type: 'LORA',
    peft_version: '0.18.0',
    qalora_group_size: 16,
    r: 2,
    rank_pattern: {},
    revision: null,
    target_modules:
      '(?:.*?(?:language|text).*?(?:self_attn|attention|attn|mlp|feed_forward|ffn|dense).*?(?:q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj).*?)|' +
      '(?:\\bmodel\\.layers\\.[\\d]{1,}\\.(?:self_attn|attention|attn|mlp|feed_forward|ffn|dense)\\.(?:(?:q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)))',
    target_parameters: null,
    task_type: 'CAUSAL_LM',
    trainable_token_indices: null,
    use_dora: false,
    use_qalora: false,
    use_rslora: false,
  },
  axolotl: {
    auto_mapping: null,
    base_model_name_or_path: 'NousResearch/Llama-3.2-1B',
    bias: 'none',
    fan_in_fan_out: null,
    inference_mode: true,
    init_lora_weights: true,
    layers_to_transform: null,
    lora_alpha: 16,
    lora_dropout: 0.05,
    modules_to_save: [],
    peft_type: 'LORA',
    r: 2,
    target_modules: ['k_proj', 'q_proj', 'down_proj'],
    task_type: 'CAUSAL_LM',
    use_rslora: null,
    loraplus_lr_embedding: 1e-6,
  },
  trl: {
    alpha_pattern: {},
    auto_mapping: null,
    base_model_name_or_path: 'Qwen/Qwen2.5-0.5B',
    bias: 'none',
    exclude_modules: null,
    eva_config: null,
    init_lora_weights: true,
    lora_alpha: 16,
    lora_bias: false,
    lora_dropout: 0.05,
    modules_to_save: null,
    peft_type: 'LORA',
    r: 2,
    rank_pattern: {},
    target_modules: ['q_proj', 'k_proj', 'down_proj'],
    task_type: null,
    trainable_token_indices: null,
    use_dora: false,
    use_rslora: false,
  },
};

describe.each(Object.entries(configurations))('an adapter of %s', (_trainer, configuration) => {
  it('loads, and is written back with what its configuration held', async () => {
    const directory = temporaryDirectory();
    const adapter = createLoraAdapter(layers, {
      r: 2,
      target_modules: 'all-linear',
      init_lora_weights: false,
    });
    await saveLoraAdapter(directory, adapter);
    await writeFile(join(directory, adapterConfigFile), JSON.stringify(configuration));
    const loaded = await loadLoraAdapter(directory, { layers });
    expect(loaded.modules).toHaveLength(6);
    expect(loaded.parameters).toEqual(adapter.parameters);
    await saveLoraAdapter(directory, loaded);
    const written = JSON.parse(await readFile(join(directory, adapterConfigFile), 'utf8')) as object;
    const meaning = { task_type: 'CAUSAL_LM', modules_to_save: null, use_rslora: false };
    const { exclude_modules, trainable_token_indices, ensure_weight_tying, ...expected } = {
      ...configuration,
      ...meaning,
    } as Record<string, unknown>;
    expect([exclude_modules, trainable_token_indices, ensure_weight_tying].every((value) => !value)).toBe(
      true,
    );
    expect(written).toMatchObject(expected);
  });
});
