import type { Module } from '../blocks/module.ts';
import type { ModelConfig } from '../config.ts';

/**
 * An architecture family: how its config.json reads, and what its models are made of. A new one is a file beside this one
 * and a line in `families.ts`, or comes from outside by `registerFamily`. Most are made by `defineFamily`.
 */
export interface Family {
  /** `model_type` in config.json. */
  readonly modelType: string;
  /**
   * Validates config.json and says what the model is made of.
   *
   * @throws ModelFileError, UnsupportedFeatureError
   */
  read(content: unknown, file: string): Architecture;
}

/** What config.json says of the network itself; token ids come from elsewhere. */
export type ArchitectureConfig = Omit<ModelConfig, 'eosTokenIds' | 'bosTokenId' | 'padTokenId'>;

/** A decoder-only model by its parts. */
export interface Architecture {
  readonly config: ArchitectureConfig;
  readonly embedding: EmbeddingLayout;
  /**
   * Block number `layer`, from 0. The checkpoint is known to hold about as many when it is called: `num_hidden_layers` may be
   * any number.
   */
  block(layer: number): Module;
  readonly finalNorm: Module;
  readonly head: HeadLayout;
  /** Names of tensors that old checkpoints hold and nothing needs. Default: none. */
  readonly unused?: RegExp;
}

/** The token embeddings, [vocabulary, hidden]. */
export interface EmbeddingLayout {
  /** The tensor's name in the checkpoint. */
  readonly name: string;
  /** Factor on the embeddings. Default 1. */
  readonly scale?: number;
}

/** The output layer, [vocabulary, hidden]. */
export interface HeadLayout {
  /** The tensor's name in the checkpoint where it is not the embedding's. */
  readonly name: string;
  /** The name it has in old checkpoints. Default: none. */
  readonly formerName?: string;
  /** Logits are divided by it. Default 1. */
  readonly divisor?: number;
  /** Logits l become c tanh(l / c). Default: they do not. */
  readonly softCap?: number | undefined;
}
