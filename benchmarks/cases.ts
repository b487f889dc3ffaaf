import type { BenchmarkModel, ModelName } from './checkpoints.ts';
import { fastestTorchPrecision } from './machine.ts';
import type { TrainStepSettings } from './programs/compile-step.ts';

/** A program to run as a process of its own, with its settings as JSON. */
export interface Program {
  /** File in this folder: .ts is run by Node, .py by python3. */
  readonly file: string;
  /** `model` is replaced by the `directory` of a random checkpoint of this shape. */
  readonly settings: Readonly<Record<string, unknown>> & {
    readonly model?: BenchmarkModel;
    readonly warmUp: number;
    readonly steps: number;
  };
}

/** What a case measures. Ratios are ours to the peer's: the median over the pairs of runs, memory that of the peaks. */
export type Measure =
  | 'timeRatio'
  | 'cpuRatio'
  | 'memoryRatio'
  | 'peakBytes'
  | 'readySeconds'
  /** Relative, ours to the peer's: that both compute the same. */
  | 'lossDifference'
  | 'gradientError'
  | 'bytesPerStep'
  | 'bytesPerCycle';

export interface Bar {
  readonly measure: Measure;
  readonly atMost: number;
}

export interface BenchmarkCase {
  readonly name: string;
  readonly title: string;
  readonly ours: Program;
  readonly peer?: Program & { readonly name: string };
  readonly bars: readonly Bar[];
  /** Rough minutes for the whole case, to tell the time left. */
  readonly minutes: number;
  /** Run ours once before it is measured, so that converted weights are in the cache. */
  readonly warmCache?: boolean;
  /** Only run when named: it needs tens of gigabytes of disk, weights that `test:real` makes, or a package that is installed by hand. */
  readonly onlyByName?: boolean;
}

const halfBillion: Omit<TrainStepSettings, 'directory'> & { model: BenchmarkModel } = {
  model: 'qwen2.5-0.5b',
  tokens: 256,
  batch: 1,
  rank: 32,
  kl: false,
  threads: 2,
  precision: 'float32',
  warmUp: 1,
  steps: 3,
};
type StepChanges = Partial<typeof halfBillion>;

const ourStep = (changes: StepChanges): Program => ({
  file: 'programs/train-step.ts',
  settings: { ...halfBillion, ...changes },
});
const torchStep = (changes: StepChanges): Program & { name: string } => {
  const settings = { ...halfBillion, ...changes };
  return { name: `torch ${settings.precision}`, file: 'peers/torch_step.py', settings };
};
/** The same step here and in torch, which keeps to the layout it has and to a type it has. */
const againstTorch = (changes: StepChanges, torchPrecision: 'float32' | 'bfloat16' = 'float32') => {
  const { memory, ...shared } = changes;
  return { ours: ourStep(changes), peer: torchStep({ ...shared, precision: torchPrecision }) };
};
const sameLoss: Bar = { measure: 'lossDifference', atMost: 0.02 };

const organismStep: StepChanges = {
  model: 'organism',
  tokens: 16,
  batch: 16,
  rank: 8,
  warmUp: 20,
  steps: 100,
};

/** Two tasks of general libraries. Both run on one thread in Node: they start web workers, which Node has not. */
const javascriptCases: BenchmarkCase[] = (['tfjs', 'jax'] as const).flatMap((library) => {
  const name = library === 'tfjs' ? 'TensorFlow.js WASM' : 'jax-js WASM';
  const bars: Bar[] = [
    { measure: 'timeRatio', atMost: 1 / 3 },
    { measure: 'lossDifference', atMost: 1e-4 },
  ];
  const repetitions = { threads: 2, warmUp: 20, steps: 100 };
  const product = { ...repetitions, size: 1024 };
  const perceptron = { ...repetitions, batch: 64, widths: [784, 512, 10] };
  const peer = (settings: Program['settings']) => ({ name, file: `peers/${library}.ts`, settings });
  return [
    {
      name: `matmul-${library}`,
      title: 'matrix product, 1024 x 1024 x 1024',
      ours: { file: 'programs/matmul.ts', settings: product },
      peer: peer({ ...product, task: 'matmul' }),
      bars,
      minutes: 1,
    },
    {
      name: `perceptron-${library}`,
      title: 'training step of a perceptron 784-512-10, batch 64',
      ours: { file: 'programs/multilayer-perceptron.ts', settings: perceptron },
      peer: peer({ ...perceptron, task: 'perceptron' }),
      bars,
      minutes: 0.5,
    },
  ];
});

/** Where a step's time and memory go; plotted in RESULTS.md. */
export const scaling = {
  tokens: [64, 128, 256, 512, 1024],
  layers: [6, 12, 24],
} as const;
const modelOfLayers: Readonly<Record<number, ModelName>> = {
  6: 'qwen2.5-0.5b-6-layers',
  12: 'qwen2.5-0.5b-12-layers',
  24: 'qwen2.5-0.5b',
};
const scalingCases: BenchmarkCase[] = [
  ...scaling.tokens.map((tokens) => ({
    name: `scaling-tokens-${tokens}`,
    title: `fp32, cross-entropy, T = ${tokens}`,
    ours: ourStep({ tokens }),
    bars: [],
    minutes: tokens / 400,
  })),
  ...scaling.layers.map((layers) => ({
    name: `scaling-layers-${layers}`,
    title: `fp32, cross-entropy, T = 256, ${layers} layers`,
    ours: ourStep({ model: modelOfLayers[layers]! }),
    bars: [],
    minutes: 0.5,
  })),
];

/** SmolLM2-135M answers: 32 tokens of prompt, 128 new ones, greedy. */
const generation = {
  model: 'smollm2-135m',
  batch: 1,
  promptTokens: 32,
  newTokens: 128,
  threads: 2,
  precision: 'float32',
  warmUp: 1,
  steps: 3,
} as const;
type GenerationChanges = Partial<Record<'batch' | 'steps', number>> & { readonly precision?: string };
const ourGeneration = (changes: GenerationChanges): Program => ({
  file: 'programs/generate.ts',
  settings: { ...generation, ...changes },
});
/** A fifth slower than llama.cpp is allowed. */
const nearly: Bar = { measure: 'timeRatio', atMost: 1 / 0.8 };
const generationCases: BenchmarkCase[] = [
  ...[1, 16].map((batch) => ({
    name: `generate-${batch}`,
    title: `SmolLM2-135M, fp32, batch ${batch}: 128 tokens after 32`,
    ours: ourGeneration({ batch }),
    peer: {
      name: 'transformers float32',
      file: 'peers/transformers_generate.py',
      settings: { ...generation, batch },
    },
    bars: [{ measure: 'timeRatio', atMost: 0.5 }] as const,
    warmCache: true,
    minutes: batch === 1 ? 2 : 4,
  })),
  ...(
    [
      ['f16', 'F16', 'float32'],
      ['q8', 'Q8_0', 'int8'],
    ] as const
  ).map(([name, theirs, precision]) => ({
    name: `generate-llama-${name}`,
    title: `SmolLM2-135M, ${precision}, batch 1: 128 tokens after 32`,
    ours: ourGeneration({ precision }),
    peer: {
      name: `llama.cpp ${theirs}`,
      file: 'peers/llama_cpp.py',
      settings: { ...generation, precision: theirs },
    },
    bars: [nearly],
    warmCache: true,
    minutes: 1,
  })),
  {
    name: 'first-token',
    title: 'SmolLM2-135M: `safetune generate` from start to first token, warm cache',
    ours: { file: 'programs/first-token.ts', settings: { ...generation, warmUp: 0, steps: 1 } },
    bars: [{ measure: 'readySeconds', atMost: 1.5 }],
    warmCache: true,
    minutes: 0.2,
  },
];

/** 10 MB of prose and code to ids, on one thread: the time is that of all, the "loss" the number of tokens. */
const tokenizing = { warmUp: 1, steps: 3 } as const;
const tokenizerCases: BenchmarkCase[] = (['smollm2-135m', 'gemma-3-270m'] as const).map((model) => ({
  name: `tokenize-${model}`,
  title: `tokenising 10 MB on one thread, ${model === 'smollm2-135m' ? 'SmolLM2' : 'Gemma 3'}`,
  ours: { file: 'programs/tokenize.ts', settings: { ...tokenizing, model } },
  peer: { name: 'tokenizers', file: 'peers/tokenize_text.py', settings: { ...tokenizing, model } },
  bars: [
    { measure: 'cpuRatio', atMost: 1 },
    { measure: 'lossDifference', atMost: 0 },
  ],
  onlyByName: true,
  minutes: 1.5,
}));

/** Gemma 3 270M, real weights, all seven projections, beside the other trainer of LoRA in JavaScript. */
const gemmaStep = { model: 'gemma-3-270m', tokens: 256, rank: 16 } as const;
const gemmaCase: BenchmarkCase = {
  name: 'gemma-256',
  title: 'Gemma 3 270M, fp32, cross-entropy, T = 256, r 16',
  ours: ourStep(gemmaStep),
  peer: {
    name: '@qvac/llm-llamacpp Q8_0',
    file: 'peers/qvac.ts',
    settings: { ...halfBillion, ...gemmaStep, precision: 'q8_0' },
  },
  bars: [{ measure: 'timeRatio', atMost: 0.15 }],
  warmCache: true,
  onlyByName: true,
  minutes: 8,
};

/** Every benchmark, in the order of the report. */
export const cases: readonly BenchmarkCase[] = [
  ...[256, 512].map((tokens) => ({
    name: `fp32-${tokens}`,
    title: `fp32, cross-entropy, T = ${tokens}, whole`,
    ...againstTorch({ tokens }),
    bars: [
      { measure: 'timeRatio', atMost: 0.9 },
      { measure: 'memoryRatio', atMost: 0.75 },
      sameLoss,
    ] as const,
    minutes: tokens / 64,
  })),
  {
    name: 'fp32-kl-256',
    title: 'fp32, cross-entropy + KL, T = 256',
    ...againstTorch({ kl: true }),
    bars: [{ measure: 'timeRatio', atMost: 0.8 }, sameLoss],
    minutes: 6,
  },
  {
    name: 'int8-512',
    title: 'int8, cross-entropy, T = 512',
    ...againstTorch({ precision: 'int8', tokens: 512 }, fastestTorchPrecision()),
    bars: [{ measure: 'timeRatio', atMost: 0.9 }, sameLoss],
    minutes: 6,
  },
  {
    name: 'int8-kl-512',
    title: 'int8, cross-entropy + KL, T = 512',
    ...againstTorch({ precision: 'int8', tokens: 512, kl: true }, fastestTorchPrecision()),
    bars: [{ measure: 'timeRatio', atMost: 0.6 }, sameLoss],
    minutes: 8,
  },
  {
    name: 'int8x3-512',
    title: 'int8x3, cross-entropy, T = 512',
    ...againstTorch({ precision: 'int8x3', tokens: 512 }, fastestTorchPrecision()),
    bars: [{ measure: 'timeRatio', atMost: 1.4 }, sameLoss],
    minutes: 7,
  },
  ...(['int8', 'int8x3'] as const).map((precision) => ({
    name: `${precision}-gradient`,
    title: `${precision}, cross-entropy, T = 256: gradient against fp32`,
    ours: { ...ourStep({ precision }), file: 'programs/gradient-error.ts' },
    // int8 alone is reported without a bar.
    bars: precision === 'int8' ? [] : ([{ measure: 'gradientError', atMost: 1e-3 }] as const),
    minutes: 0.5,
  })),
  {
    name: 'int8-training',
    title: 'int8, cross-entropy, T = 128, 12 layers: loss after 20 steps against fp32',
    ours: {
      ...ourStep({ model: 'qwen2.5-0.5b-12-layers', precision: 'int8', tokens: 128, steps: 20 }),
      file: 'programs/training-loss.ts',
    },
    bars: [],
    minutes: 1,
  },
  {
    name: 'int8-layered-512',
    title: 'int8, cross-entropy, T = 512, layered',
    ours: ourStep({ precision: 'int8', tokens: 512, memory: 'layered' }),
    bars: [{ measure: 'peakBytes', atMost: 2.0e9 }],
    minutes: 2,
  },
  {
    name: 'fp32-2048',
    title: 'fp32, cross-entropy, T = 2048',
    ...againstTorch({ tokens: 2048, memory: 'recompute', steps: 1 }),
    bars: [{ measure: 'memoryRatio', atMost: 0.6 }, { measure: 'timeRatio', atMost: 1.0 }, sameLoss],
    minutes: 12,
  },
  {
    name: '7b-int8-layered-512',
    title: '7B shape, int8, cross-entropy + KL, T = 512, layered',
    ours: ourStep({
      model: 'qwen2.5-7b',
      precision: 'int8',
      tokens: 512,
      kl: true,
      memory: 'layered',
      warmUp: 0,
      steps: 1,
    }),
    bars: [{ measure: 'peakBytes', atMost: 18e9 }],
    minutes: 15,
    onlyByName: true,
  },
  ...[false, true].map((kl) => ({
    name: kl ? 'organism-kl' : 'organism',
    title: `organism shape, d 64, 4 layers, batch 16 x 16 tokens, cross-entropy${kl ? ' + KL' : ''}`,
    ...againstTorch({ ...organismStep, kl }),
    bars: [{ measure: 'timeRatio', atMost: 1.0 }, sameLoss] as const,
    minutes: 1.5,
  })),
  {
    name: 'start-fp32',
    title: 'first step after start, 0.5B fp32',
    ours: ourStep({ warmUp: 0, steps: 1 }),
    bars: [{ measure: 'readySeconds', atMost: 1.5 }],
    minutes: 0.5,
  },
  {
    name: 'start-bfloat16',
    title: 'first step after start, 0.5B fp32 from the cache of a bfloat16 checkpoint',
    ours: ourStep({ model: 'qwen2.5-0.5b-bfloat16', warmUp: 0, steps: 1 }),
    bars: [],
    warmCache: true,
    minutes: 0.5,
  },
  {
    name: 'start-int8',
    title: 'first step after start, 0.5B int8 from the cache',
    ours: ourStep({ precision: 'int8', warmUp: 0, steps: 1 }),
    bars: [{ measure: 'readySeconds', atMost: 8 }],
    warmCache: true,
    minutes: 1,
  },
  gemmaCase,
  ...tokenizerCases,
  ...generationCases,
  ...javascriptCases,
  {
    name: 'leaks',
    title: 'memory over 500 steps and 80 cycles of compiling and releasing, organism shape',
    ours: {
      file: 'programs/leaks.ts',
      settings: { ...halfBillion, ...organismStep, kl: true, steps: 500, cycles: 80 },
    },
    bars: [
      { measure: 'bytesPerStep', atMost: 4096 },
      { measure: 'bytesPerCycle', atMost: 2 ** 17 },
    ],
    minutes: 1,
  },
  ...scalingCases,
];
