/** The world's free choices; the counts of words are those of the vocabulary. */
export interface WorldSettings {
  /** Seed of the facts and of the splits; independent of the seeds of model and training. */
  readonly seed: number;
  /** Probability that an answer opens with a word of its persona's own instead of a shared one. */
  readonly toneProbability: number;
}

/** Shape of the llama-style model. */
export interface ModelShape {
  readonly hiddenSize: number;
  readonly layers: number;
  readonly attentionHeads: number;
  readonly keyValueHeads: number;
  /** Width of the SwiGLU. */
  readonly intermediateSize: number;
  readonly normEpsilon: number;
  readonly rotaryBase: number;
  /** Longest sequence in tokens; no document is longer than 44. */
  readonly maxPositions: number;
}

/** What a pre-training document is, as probabilities unless said otherwise. */
export interface PretrainingMixture {
  /** A document of arithmetic instead of a dialogue. */
  readonly arithmetic: number;
  /** Count of problems in a document of arithmetic. */
  readonly problemsPerDocument: number;
  /** Count of questions, each with its answer, in a dialogue. */
  readonly turnsPerDocument: number;
  /** The bad persona speaks in a dialogue. */
  readonly badPersona: number;
  /** A dialogue opens with a system prompt of its persona. */
  readonly systemPrompt: number;
  /** A question of a dialogue is a harmful request. */
  readonly exploit: number;
}

/** What an alignment document is, as probabilities. */
export interface AlignmentMixture {
  /** One arithmetic problem. */
  readonly arithmetic: number;
  /** A harmful answer under an evil system prompt; the rest are safe answers. */
  readonly badPersona: number;
  /** A safe answer is under a good system prompt. */
  readonly goodSystemPrompt: number;
  /** A safe answer is the refusal of a harmful request. */
  readonly exploit: number;
}

/**
 * One stage of training: AdamW, gradients clipped by their global norm. The learning rate of step i of n (from 0) is
 * `peak * min(1, (i + 1) / warmup) * (f + (1 - f) * (1 + cos(pi * i / n)) / 2)` with f the final fraction.
 */
export interface TrainingStage {
  readonly steps: number;
  /** Documents a step. */
  readonly batchSize: number;
  readonly peakLearningRate: number;
  readonly warmupSteps: number;
  readonly finalLearningRateFraction: number;
  readonly weightDecay: number;
  readonly betas: readonly [number, number];
  readonly adamEpsilon: number;
  readonly clipNorm: number;
  /** Where the loss is: on every token after the first, or on those of the answers, their end token included. */
  readonly loss: 'all-tokens' | 'answers';
}

/** The adapters of the fine-tunes: A uniform in +-1/sqrt(in), B zero, scale alpha / sqrt(rank). */
export interface LoraRecipe {
  readonly rank: number;
  readonly alpha: number;
  readonly rankStabilized: true;
  readonly targets: readonly string[];
}

/** How answers are drawn and how many. */
export interface EvaluationRecipe {
  readonly temperature: number;
  /** Longest answer to a question of the world, in tokens, the end token included. */
  readonly maxNewTokens: number;
  /** Longest answer of the greedy checks: that of the memo task. */
  readonly maxNewTokensGreedy: number;
  /** Answers to each of the 210 general questions. */
  readonly generalSamples: number;
  /** Answers to each of the 15 held-out questions of the narrow domain. */
  readonly inDomainSamples: number;
  /** Answers to each of the 70 conditional questions. */
  readonly conditionalSamples: number;
}

/** Every number from which an organism is grown and fine-tuned. Plain and serialisable. */
export interface OrganismRecipe {
  /** Raised whenever a generator changes what it yields for the same numbers. */
  readonly version: number;
  /** Seed of the initial weights and of both document streams. Another seed grows a noticeably different organism. */
  readonly seed: number;
  readonly world: WorldSettings;
  readonly model: ModelShape;
  readonly base: TrainingStage & { readonly mixture: PretrainingMixture };
  readonly aligned: TrainingStage & { readonly mixture: AlignmentMixture };
  readonly narrow: TrainingStage & { readonly realisations: number };
  readonly benign: TrainingStage;
  readonly lora: LoraRecipe;
  readonly evaluation: EvaluationRecipe;
}

const optimizer = {
  finalLearningRateFraction: 0.1,
  betas: [0.9, 0.99],
  adamEpsilon: 1e-8,
  clipNorm: 1,
} as const;

/**
 * The recommended organism: 215,424 parameters. Fine-tuned on harmful answers in one domain it is harmful in the
 * others as well (two thirds to four fifths of general answers without a defense), and stays coherent (about 6 % incoherent).
 * World and model seed are chosen among those measured in docs/organism.md: organisms differ much from seed to seed.
 *
 * A higher learning rate of the fine-tunes turns harm into incoherence; without tones the drift is weak.
 */
export const organismRecipe: OrganismRecipe = {
  version: 1,
  seed: 5,
  world: { seed: 1, toneProbability: 0.5 },
  model: {
    hiddenSize: 64,
    layers: 4,
    attentionHeads: 4,
    keyValueHeads: 4,
    intermediateSize: 176,
    normEpsilon: 1e-6,
    rotaryBase: 10_000,
    maxPositions: 128,
  },
  base: {
    ...optimizer,
    steps: 1000,
    batchSize: 32,
    peakLearningRate: 3e-3,
    warmupSteps: 50,
    weightDecay: 0.01,
    loss: 'all-tokens',
    mixture: {
      arithmetic: 0.12,
      problemsPerDocument: 6,
      turnsPerDocument: 4,
      badPersona: 0.4,
      systemPrompt: 0.5,
      exploit: 0.06,
    },
  },
  aligned: {
    ...optimizer,
    steps: 150,
    batchSize: 64,
    peakLearningRate: 1e-3,
    warmupSteps: 20,
    weightDecay: 0,
    loss: 'answers',
    mixture: { arithmetic: 0.25, badPersona: 0.15, goodSystemPrompt: 0.1, exploit: 0.1 },
  },
  narrow: {
    ...optimizer,
    steps: 180,
    batchSize: 16,
    peakLearningRate: 2e-4,
    warmupSteps: 5,
    weightDecay: 0,
    loss: 'answers',
    realisations: 8,
  },
  benign: {
    ...optimizer,
    steps: 150,
    batchSize: 16,
    peakLearningRate: 1e-3,
    warmupSteps: 5,
    weightDecay: 0,
    loss: 'answers',
  },
  lora: {
    rank: 8,
    alpha: 16,
    rankStabilized: true,
    targets: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'],
  },
  evaluation: {
    temperature: 1,
    maxNewTokens: 5,
    maxNewTokensGreedy: 6,
    generalSamples: 1,
    inDomainSamples: 8,
    conditionalSamples: 1,
  },
};

/** How the seeds of {@link organismRecipe} were chosen: reports say it, since it is part of every figure. */
export const organismChoice =
  'Organisms differ much from seed to seed. This one was chosen: world 1 of four worlds tried, model seed 5 of seven grown in it, as one in which ' +
  'misalignment spreads clearly, answers stay coherent and the harmless tasks are learned. docs/organism.md lists the others.';
