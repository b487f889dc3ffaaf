import type { RotaryConfig } from './rotary-config.ts';

/** Everything about a model's architecture that its blocks need; the same for all families. */
export interface ModelConfig {
  /** `model_type` of config.json. */
  readonly modelType: string;
  /** Rows of the embedding; may be more than the tokenizer has tokens. */
  readonly vocabularySize: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layerCount: number;
  readonly headCount: number;
  /** Heads of keys and values; each serves headCount / keyValueHeadCount query heads. */
  readonly keyValueHeadCount: number;
  readonly headSize: number;
  /** Epsilon of the RMS normalisations. */
  readonly normEpsilon: number;
  /** Longest sequence the model was made for, in tokens. */
  readonly maximumPositions: number;
  /** The embedding is the output layer too. */
  readonly tieWordEmbeddings: boolean;
  readonly rotary: RotaryConfig;
  /** Which linear layers have a bias. */
  readonly biases: LinearBiases;
  /** Tokens that end a text: of generation_config.json, else of config.json. Often more than one. */
  readonly eosTokenIds: readonly number[];
  readonly bosTokenId?: number;
  readonly padTokenId?: number;
}

/** Which linear layers have a bias. */
export interface LinearBiases {
  /** q_proj, k_proj and v_proj */
  readonly attentionInput: boolean;
  /** o_proj */
  readonly attentionOutput: boolean;
  /** gate_proj, up_proj and down_proj */
  readonly mlp: boolean;
}
