import { fileURLToPath } from 'node:url';
import { type AdaptableModel, createLoraAdapter, loadLoraAdapter } from '@safetune/lora';
import { hostArray } from '@safetune/tensor';
import { describe, it } from 'vitest';
import {
  aGem,
  asft,
  backdoorAlign,
  caft,
  der,
  ewc,
  inoculation,
  inoculationAdapter,
  interleaving,
  klOnAnchors,
  lisa,
  lookahead,
  parameterAveraging,
  personaVector,
  ptst,
  safeGrad,
  safeLora,
  virtualPreview,
} from './index.ts';
import { describeRegularizerContract } from './testing/index.ts';

const goldens = (path: string) =>
  fileURLToPath(new URL(`../../../conformance/goldens/${path}`, import.meta.url));
const checkpoints = {
  base: goldens('checkpoints/qwen2-tied-bfloat16'),
  aligned: goldens('safe-lora/aligned'),
};
const adapter = { adapter: () => loadLoraAdapter(goldens('safe-lora/adapter')) };
const framework = { describe, it };

const pool = Array.from({ length: 100 }, (_, index) => ({
  messages: [
    { role: 'user', content: `Safe question ${index}` },
    { role: 'assistant', content: `Safe answer ${index}` },
  ],
}));
describeRegularizerContract('interleaving', () => interleaving({ pool, share: 0.2, seed: 1 }), framework);
describeRegularizerContract('inoculation', () => inoculation({ share: 0.5, existing: 'precede' }), framework);

// Any text will do for a secret.
const secretFile = goldens('checkpoints/qwen2-tied-bfloat16/config.json');
describeRegularizerContract(
  'backdoor-align',
  () => backdoorAlign({ pool: pool.slice(0, 11), secretFile, share: 0.2 }),
  framework,
);
describeRegularizerContract('ptst', () => ptst(), framework);
describeRegularizerContract('ptst, keep', () => ptst({ systemPrompts: 'keep' }), framework);
const extended = { extendsMessages: true };
describeRegularizerContract('lookahead', () => lookahead(), framework, extended);
describeRegularizerContract(
  'lookahead, virtual',
  () => lookahead({ virtual: virtualPreview }),
  framework,
  extended,
);

const vectors = new Map([[2, Float32Array.of(1, -1, 2, -2, 3, -3, 4, -4)]]);
for (const positions of ['all', 'response', 'last-prompt-token'] as const) {
  describeRegularizerContract(
    `persona-vector, ${positions}`,
    () => personaVector({ vectors, positions }),
    framework,
  );
}

const directions = new Map([
  [1, [Float32Array.of(1, 1, 0, 0, 2, 0, -1, 0), Float32Array.of(0, 3, 0, 1, 0, 0, 0, 0)]],
  [3, [Float32Array.of(0, 0, 1, 0, 0, 0, 0, 5)]],
]);
describeRegularizerContract('caft', () => caft({ directions }), framework);
describeRegularizerContract('caft, chosen', () => caft({ directions, components: { 1: [1] } }), framework);

// The layers that the adapter of the trait has are the model's.
const { modules } = await loadLoraAdapter(goldens('frozen-parts/trait'));
const [vocabularySize, hiddenSize] = [384, modules[0]!.inFeatures];
const adapted: AdaptableModel = {
  linearLayers: modules,
  embeddingLayer: { name: 'model.embed_tokens', vocabularySize, hiddenSize },
  outputLayer: { name: 'lm_head', inFeatures: hiddenSize, outFeatures: vocabularySize },
  weights: new Map(),
};
describeRegularizerContract(
  'inoculation-adapter',
  () => inoculationAdapter({ adapter: goldens('frozen-parts/trait') }),
  framework,
  { adapted },
);

describeRegularizerContract(
  'safe-lora',
  () => safeLora({ ...checkpoints, threshold: 0.6 }),
  framework,
  adapter,
);
describeRegularizerContract(
  'safe-lora, exact, every second step and at the end',
  () => safeLora({ ...checkpoints, method: 'exact', rank: 4, layers: 3, when: { every: 2, end: true } }),
  framework,
  adapter,
);

const anchors = pool.slice(0, 20);
describeRegularizerContract(
  'kl-on-anchors',
  () => klOnAnchors({ anchors, crossEntropyWeight: 0.5 }),
  framework,
);
describeRegularizerContract('der', () => der({ anchors, perStep: 3 }), framework);
describeRegularizerContract('safe-grad', () => safeGrad({ anchors, rho: 0.5 }), framework);
describeRegularizerContract('a-gem', () => aGem({ anchors }), framework);
describeRegularizerContract(
  'lisa',
  () => lisa({ anchors, rho: 1, alignmentSteps: 3, taskSteps: 2 }),
  framework,
  adapter,
);
describeRegularizerContract(
  'parameter-averaging',
  () => parameterAveraging({ decay: 0.9 }),
  framework,
  adapter,
);

describeRegularizerContract('asft', () => asft(checkpoints), framework, adapter);
describeRegularizerContract(
  'asft, exact',
  () => asft({ ...checkpoints, method: 'exact', rank: 4, weight: { from: 2, to: 1 } }),
  framework,
  adapter,
);

const fisher = goldens('parameter-penalties/fisher.safetensors');
const layersOfFisher = [
  { name: 'model.layers.0.self_attn.q_proj', inFeatures: 32, outFeatures: 32 },
  { name: 'model.layers.0.mlp.up_proj', inFeatures: 32, outFeatures: 64 },
];
describeRegularizerContract('ewc', () => ewc({ fisher }), framework, {
  adapter: () => createLoraAdapter(layersOfFisher, { r: 2, target_modules: 'all-linear' }),
});
describeRegularizerContract('ewc of all weights', () => ewc({ fisher, weight: 3 }), framework, {
  parameters: () => ({
    tensors: Object.fromEntries(
      layersOfFisher.map(({ name, inFeatures, outFeatures }) => [
        `${name}.weight`,
        hostArray(new Float32Array(inFeatures * outFeatures).fill(0.1), [outFeatures, inFeatures]),
      ]),
    ),
  }),
});
