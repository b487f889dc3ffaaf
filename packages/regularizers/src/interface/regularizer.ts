import type { ChatExample, ChatTokenizer } from '@safetune/datasets';
import type { AdaptableModel, LoraAdapter } from '@safetune/lora';
import type { Tensor } from '@safetune/tensor';
import type { Anchors } from './anchors.ts';
import type { GradientContext } from './gradient-context.ts';
import type { LayerSelection } from './layers.ts';
import type { ParameterContext, TracedParameters } from './parameters.ts';
import type { Reference } from './reference.ts';
import type { RegularizerState } from './state.ts';
import type { WeightSchedule } from './weight-schedule.ts';

/** What a regularizer wants computed. A trainer computes nothing that no regularizer needs. */
export interface RegularizerNeeds {
  /** Logits of the safe reference at the same rows. */
  readonly referenceLogits?: boolean;
  /** Rows of logits: those that predict a response token (default), or those that predict any token. */
  readonly rows?: 'response' | 'all';
  /** Residual-stream states of the model in training, after the selected layers. */
  readonly hiddenStates?: LayerSelection;
  /** The same states of the safe reference. */
  readonly referenceHiddenStates?: LayerSelection;
  /**
   * Which model the safe reference is. Default 'base': the one in training without what is trained. A trainer opens what is named before
   * the step is compiled, computes it once for all who name the same, and continues a run only with the same.
   */
  readonly reference?: Reference;
  /** Tags of examples it tells apart; see {@link ForwardOutputs.tagged}. */
  readonly tags?: readonly string[];
}

/** The traced tokens of a right-padded batch, for edits that differ by position. */
export interface TracedBatch {
  /** [batch, seq] int64 */
  readonly tokenIds: Tensor;
  /** [batch, seq] float32: 1 for tokens, 0 for padding. */
  readonly tokenMask: Tensor;
  /** [batch, seq] float32: 1 where the token is a supervised one (of a response), else 0. */
  readonly tokenResponseMask: Tensor;
}

/** What one forward pass offers a penalty: traced tensors over a right-padded batch. */
export interface ForwardOutputs extends TracedBatch {
  /** [rows, vocabulary] float32: the model in training at every position whose next token counts. */
  readonly logits: Tensor;
  /** [rows, vocabulary] float32: the safe reference at the same positions; only when needed. */
  readonly referenceLogits?: Tensor;
  /** [rows] int64: the next token. */
  readonly labels: Tensor;
  /** [rows] float32: 1 where the next token is a supervised one (of a response), else 0. */
  readonly responseMask: Tensor;
  /**
   * [rows] float32: which token of its answer the next token is: 1 for the first, each turn of the assistant counting anew; 0 where the
   * next token is none of a response.
   */
  readonly positionInResponse: Tensor;
  /** [rows] int64: which example of the batch the row belongs to. */
  readonly exampleOfRow: Tensor;
  /** [batch, seq, hidden] float32 by layer (0: embeddings, l: after block l); only the layers needed. */
  readonly hiddenStates: ReadonlyMap<number, Tensor>;
  /** The same of the safe reference; only the layers needed. */
  readonly referenceHiddenStates: ReadonlyMap<number, Tensor>;
  /** [batch] float32: 1 for examples that carry `tag`; only tags declared in the needs. */
  tagged(tag: string): Tensor;
}

/** A penalty's parts; see {@link Regularizer.penaltyPerRow}. */
export interface RowPenalty {
  /** [rows] float32 */
  readonly values: Tensor;
  /** [rows] float32: the weight of each row in the mean, 0 or 1. */
  readonly mask: Tensor;
}

/** A plain, serialisable description from which {@link regularizerFromConfig} makes the same regularizer again. */
export interface RegularizerConfig {
  /** Which regularizer: 'kl', 'ldifs', ... */
  readonly type: string;
  /** Under which its value is logged. Default: the type's own name, such as 'kl'. */
  readonly name?: string;
  readonly [option: string]: unknown;
}

/** What {@link Regularizer.examples} is given besides the stream. */
export interface ExamplesContext {
  /** Of the model in training. */
  readonly tokenizer: ChatTokenizer;
}

/** What {@link Regularizer.contents} is given. */
export interface ContentsContext {
  /** The adapter in training, with whatever values; undefined when all weights are trained. */
  readonly adapter: LoraAdapter | undefined;
  /** Where digests of large files may be remembered. */
  readonly cacheDirectory: string;
}

/** What {@link Regularizer.frozenAdapters} is given. */
export interface FrozenAdaptersContext {
  /** The model that is trained, which the adapters must fit; a `CausalLm` is one. */
  readonly model: AdaptableModel;
}

/**
 * A safeguard: a name and any of a few hooks, each named after the moment in training when it acts. A trainer calls
 * the hooks that are there and asks no regularizer what it is.
 */
export interface Regularizer {
  /** Under which its value is logged; unique among the regularizers of a run. */
  readonly name: string;
  /** The description this regularizer was made from. */
  readonly config: RegularizerConfig;
  readonly needs?: RegularizerNeeds;
  /** lambda: the factor on the penalty, constant or over the course of training. Default 1. */
  readonly weight?: WeightSchedule;
  /**
   * Changes the stream of training examples, before they become tokens: interleaving, inoculation. A trainer gives the context; where
   * there is no model yet, it is missing.
   */
  examples?(source: AsyncIterable<ChatExample>, context?: ExamplesContext): AsyncIterable<ChatExample>;
  /**
   * A system prompt under which the trained model is to be asked, before any other (`withSystemPrompt`). A trainer keeps it beside the
   * adapter, so that whoever generates or evaluates finds it.
   */
  readonly inferencePrompt?: string;
  /**
   * Edits the residual stream [batch, seq, hidden] after a layer (0: embeddings) while the training forward pass is
   * traced: steering. The reference and inference are never edited.
   */
  hidden?(state: Tensor, layer: number, batch: TracedBatch): Tensor;
  /** Layers that `hidden` changes; a trainer refuses one that the model does not have. Default: not known. */
  readonly editedLayers?: LayerSelection;
  /**
   * Adapters that are in the forward pass in training beside what is trained, as they are and without dropout: their low-rank updates
   * add to the layers' outputs. The safe reference, evaluation and the result never have them. Opened once, before the step is
   * compiled. Updates of linear layers alone: no DoRA, no embeddings, no tensors trained whole. A run is continued only with the same.
   */
  frozenAdapters?(context: FrozenAdaptersContext): readonly LoraAdapter[] | Promise<readonly LoraAdapter[]>;
  /** A traced scalar, unweighted: KL, LDIFS. The trainer adds `weight * penalty` to the loss. */
  penalty?(outputs: ForwardOutputs): Tensor;
  /**
   * What `penalty` is a mean over: where several batches make one step, each counts by its examples, or by its targets, as
   * the loss does. Not read beside `penaltyPerRow`, whose mask says. Default 'targets'.
   */
  readonly meanOver?: 'targets' | 'examples';
  /**
   * The penalty row by row, for one that is a mean over rows of logits: `penalty` is the mean of `values` where `mask`
   * is 1. A trainer may then compute it over a large vocabulary piece by piece, and hand over only some of the rows.
   */
  penaltyPerRow?(outputs: ForwardOutputs): RowPenalty;
  /**
   * The loss of each row that the task trains, in the place of its cross-entropy: weighed, or replaced. The trainer takes the mean by
   * the weights of the targets, and tells it beside the cross-entropy; evaluation stays the cross-entropy. Where several regularizers
   * have this hook, each gets what the one before it in the list gave. Not for an objective over pairs, which has no loss of rows.
   *
   * @param loss [rows] float32: the cross-entropy of each row, or what a regularizer before this one gave
   * @returns [rows] float32, each row's from that row alone
   */
  taskLossPerRow?(loss: Tensor, outputs: ForwardOutputs): Tensor;
  /**
   * Examples of its own. Its penalty is one on these, not on the training batch. What is minimised on them is added to the loss,
   * unless the regularizer has `gradient`, which then asks for their gradient itself.
   */
  readonly anchors?: Anchors;
  /**
   * A traced scalar over what is trained and its values at the start of training, unweighted: L2-SP, EWC, AsFT. Computed once an
   * optimizer step, of no batch; the trainer adds `weight * parameterPenalty` to the loss. It may wait, to open a file.
   */
  parameterPenalty?(parameters: TracedParameters, context: ParameterContext): Tensor | Promise<Tensor>;
  /**
   * Changes a step's gradient, between the backward pass and clipping, and gives the one to step with. `gradient` is that of the
   * task with all that others add to the loss; the array may be changed and given back.
   */
  gradient?(gradient: Float32Array, context: GradientContext): Float32Array | Promise<Float32Array>;
  /**
   * What it reads besides its config, as digests by name (a pool's, a file of vectors'): a run is continued only with the
   * same. Called before `beforeTraining`.
   */
  contents?(context: ContentsContext): Promise<Readonly<Record<string, string>>>;
  /**
   * Once, before the first step: opens what later hooks need and throws when it is not there or does not fit the
   * adapter. Leaves the adapter as it is. A run that resumes calls it again, with the values it continues from.
   */
  beforeTraining?(adapter: LoraAdapter): void | Promise<void>;
  /** On the adapter after an optimizer step (`step` counts from 1): SafeLoRA every n steps. */
  afterStep?(adapter: LoraAdapter, step: number): void | Promise<void>;
  /** On the adapter when training is over: SafeLoRA at the end. */
  afterTraining?(adapter: LoraAdapter): void | Promise<void>;
  /** What a resumed run needs of it to go on as this one: what `afterStep` and `gradient` keep from step to step. */
  saveState?(): RegularizerState;
  /** Takes it up again, after `beforeTraining`, which has set everything to the start. */
  restoreState?(state: RegularizerState): void;
}
