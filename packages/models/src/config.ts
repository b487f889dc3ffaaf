import type { Activation } from './blocks/activations.ts';
import type { RotaryConfig } from './blocks/rotary-config.ts';

/** What a model is like, for whoever uses it; the same facts for all families. */
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
  /** Longest sequence the model was made for, in tokens. */
  readonly maximumPositions: number;
  /** The embedding is the output layer too. */
  readonly tieWordEmbeddings: boolean;
  /** Epsilon of the normalisations. */
  readonly normEpsilon: number;
  /** Activation of the MLPs, by its name in config.json. */
  readonly activation: Activation;
  /** How queries and keys turn with their positions: in layers that attend to all tokens, where others turn otherwise. */
  readonly rotary: RotaryConfig;
  /** Keys that a query sees in the layers that slide; undefined where none does. */
  readonly slidingWindow?: number;
  /** Set where long sequences turn queries and keys by other frequencies than short ones. */
  readonly rotaryChange?: RotaryChange;
  /** Tokens that end a text: of generation_config.json, else of config.json. Often more than one. */
  readonly eosTokenIds: readonly number[];
  readonly bosTokenId?: number;
  readonly padTokenId?: number;
}

/** How a model's rotary positions depend on how long a sequence is. */
export interface RotaryChange {
  /** Sequences of more tokens turn by other frequencies: all their tokens must be computed in one run. */
  readonly beyond: number;
  /** Whether a sequence that grows beyond is to be computed again as a whole, for keys of before do not fit those after. */
  readonly recomputes: boolean;
}
