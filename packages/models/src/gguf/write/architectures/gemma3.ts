import { gemma3Schema, readGemmaRotary, slidingGemmaLayers } from '../../../families/gemma3.ts';
import { type GgufArchitecture, llamaTensors } from './architecture.ts';
import { ropeSettings } from './rope.ts';

/** llama.cpp knows Gemma 3's sliding layers and their rotary base by itself. */
const [windowPattern, slidingBase] = [6, 10_000];
const tanhGelu = 'gelu_pytorch_tanh';

/** Gemma 3's language model. */
export const gemma3: GgufArchitecture = {
  modelType: 'gemma3_text',
  name: 'gemma3',
  blockTensors: {
    ...llamaTensors,
    'self_attn.q_norm': 'attn_q_norm',
    'self_attn.k_norm': 'attn_k_norm',
    post_attention_layernorm: 'post_attention_norm',
    pre_feedforward_layernorm: 'ffn_norm',
    post_feedforward_layernorm: 'post_ffw_norm',
  },
  addsOneToNorms: true,
  settings(config, refuse, content) {
    const fields = gemma3Schema.parse(content);
    const rotary = readGemmaRotary(fields, config, 'config.json');
    const isSliding = slidingGemmaLayers(fields, 'config.json');
    if (rotary.sliding.kind !== 'default' || rotary.sliding.base !== slidingBase) {
      refuse(`llama.cpp turns Gemma 3's sliding layers by a base of ${slidingBase} only`);
    }
    const asKnown = Array.from({ length: config.layerCount }, (_, layer) => layer).every(
      (layer) => isSliding(layer) === ((layer + 1) % windowPattern !== 0),
    );
    if (!asKnown) refuse(`llama.cpp has full attention in every ${windowPattern}th layer of Gemma 3`);
    // The largest, of 62 layers, is recognised by that.
    const scaledBy = config.layerCount === 62 ? config.hiddenSize / config.headCount : config.headSize;
    if (fields.query_pre_attn_scalar !== scaledBy) refuse(`llama.cpp scales its scores by ${scaledBy}`);
    if (config.activation !== tanhGelu) refuse(`llama.cpp has no '${config.activation}' in Gemma 3`);
    if (fields.attention_bias) refuse('llama.cpp has no biases in Gemma 3');
    const rope = ropeSettings(rotary.full, refuse);
    const { final_logit_softcapping: softCap, sliding_window: window } = fields;
    return {
      ...rope,
      metadata: {
        'attention.layer_norm_rms_epsilon': { type: 'float32', value: fields.rms_norm_eps },
        ...(window === null ? {} : { 'attention.sliding_window': { type: 'uint32', value: window } }),
        ...(softCap == null ? {} : { final_logit_softcapping: { type: 'float32', value: softCap } }),
        ...rope.metadata,
      },
    };
  },
};
