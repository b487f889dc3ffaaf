import { attentionBlockCounts } from '@safetune/tensor';
import { pieceExtent, type RowPieces } from '../data/batch-inputs.ts';
import type { MemoryMode } from '../memory/memory-mode.ts';
import { cutsHead, stepSettings, trainsHead } from '../step/step-settings.ts';
import type { TrainStepOptions } from '../step/train-step.ts';
import { penalisesParameters } from '../step/trained-parameters.ts';
import { layeredGraphs, wholeGraphs } from './mode-graphs.ts';
import { type ObserverOptions, observerMemory } from './observer-memory.ts';
import { arenaFactor, processMemory } from './process-memory.ts';

/** The largest batch of a run. */
export interface BatchShape {
  /** Examples. */
  readonly size: number;
  /** Tokens of the longest. */
  readonly length: number;
  /** Rows of logits. Default: one for each token but the first of an example. */
  readonly rows?: number;
  /** Tokens, padding not counted, of the batch that has the most: what a packed batch takes. Default: no padding. */
  readonly tokens?: number;
  /** Different tokens that the run meets, each a row of the table of embeddings. Default: every token is another one. */
  readonly differentTokens?: number;
}

/** What a mode adds to the memory of the process, in bytes. */
export interface MemoryEstimate {
  readonly mode: MemoryMode;
  /**
   * The checkpoint's weights, as far as they are in memory at one time: mapped from files, read, or rearranged. A table that two
   * sessions map is there once. Of tables of embeddings what the tokens read, which is given up when memory is short.
   */
  readonly weights: number;
  /**
   * Gradients and AdamW's two moments of all trained values, with penalties over them their start too; the values themselves are there
   * already.
   */
  readonly trained: number;
  /** Intermediate values before the output layer. */
  readonly activations: number;
  /** Intermediate values of the output layer and the loss. */
  readonly logits: number;
  /** Evaluation and sentinel: their sessions, what these compute, and the values that they keep. */
  readonly observers: number;
  /** The runtime's library, compiled graphs, those of penalties over parameters, JavaScript's heap, and what runs gave until it is collected. */
  readonly sessions: number;
  readonly total: number;
  /** How rows go through the output layer in this mode. */
  readonly headPieces: RowPieces;
  /** Blocks of heads that attention is computed in: more than one for long sequences. */
  readonly attentionBlocks: number;
}

export interface EstimateOptions extends Omit<TrainStepOptions, 'recompute'>, ObserverOptions {
  readonly batch: BatchShape;
  /** The largest batch of anchors, where regularizers have some. Default: one as large as `batch`. */
  readonly anchorBatch?: BatchShape | undefined;
  /** Batches of one optimizer step: more than one needs a buffer for their sum. Default 1. */
  readonly gradientAccumulation?: number;
}

/** Rows of one piece: large ones multiply faster, small ones need less memory for a large vocabulary. */
const pieceRows: Readonly<Record<MemoryMode, number>> = {
  whole: 128,
  recompute: 128,
  layered: 64,
  streamed: 64,
};

/**
 * Traces the step in that mode, compiles nothing, and adds up what it will need.
 *
 * @param penaltySessions bytes of the sessions of penalties over parameters: see `parameterPenaltyMemory`. Default 0
 */
export function estimateMode(
  mode: MemoryMode,
  options: EstimateOptions,
  penaltySessions = 0,
): MemoryEstimate {
  const { trainable, gradientAccumulation = 1, anchorBatch = options.batch } = options;
  const isWhole = mode === 'whole' || mode === 'recompute';
  // A layered step runs over anchors with the sessions that it has.
  const batch = isWhole ? options.batch : largerBatch(options.batch, anchorBatch);
  const { size, length, rows = size * (length - 1) } = batch;
  const headPieces = options.headPieces ?? planPieces(mode, options, rows);
  const attentionBlocks = options.attentionBlocks ?? planAttentionBlocks(options);
  const settings = stepSettings({ ...options, headPieces, attentionBlocks });
  const run = {
    settings,
    extents: extentsOf(batch, headPieces),
    anchorExtents: extentsOf(anchorBatch, headPieces),
    prepacked: { ...options.model.runtime, ...options.runtime }.prepackWeights === true,
    differentTokens: batch.differentTokens ?? size * length,
  };
  const graphs = isWhole ? wholeGraphs(mode, run) : layeredGraphs(mode, run);
  // Penalties over parameters remember the start, and have a gradient of their own.
  const penalised = penalisesParameters(options.regularizers ?? []) ? 2 : 0;
  const trained = trainable.parameters.byteLength * ((gradientAccumulation > 1 ? 4 : 3) + penalised);
  const { weights, compiledNodes, outputs } = graphs;
  const sessions = processMemory(compiledNodes, outputs) + penaltySessions;
  const observers = observerMemory(options, run, isWhole);
  const [logits, activations] = [
    arenaFactor * graphs.logits,
    arenaFactor * graphs.activations + graphs.states,
  ];
  const total = weights + trained + activations + logits + observers + sessions;
  const parts = { weights, trained, activations, logits, observers, sessions };
  return { mode, ...parts, total, headPieces, attentionBlocks };
}

/** As large as either, in every way. */
function largerBatch(one: BatchShape, other: BatchShape): BatchShape {
  const most = (of: (shape: BatchShape) => number) => Math.max(of(one), of(other));
  return {
    ...one,
    size: most(({ size }) => size),
    length: most(({ length }) => length),
    rows: most(({ size, length, rows = size * (length - 1) }) => rows),
    tokens: most(({ size, length, tokens = size * length }) => tokens),
  };
}

function extentsOf(
  { size, length, rows = size * (length - 1), tokens = size * length }: BatchShape,
  headPieces: RowPieces,
): Record<string, number> {
  return { batch: size, seq: length, tokens, pairs: size / 2, ...pieceExtents(headPieces, rows) };
}

/** Attention scores that may exist at a time, in bytes: beyond this, sessions spend more on memory than blocks cost in time. */
const largestScores = 256e6;

function planAttentionBlocks({ model, batch: { size, length } }: EstimateOptions): number {
  const { headCount, keyValueHeadCount } = model.config;
  const scores = 4 * size * headCount * length ** 2;
  const counts = attentionBlockCounts(headCount, keyValueHeadCount);
  return counts.find((count) => scores / count <= largestScores) ?? counts.at(-1)!;
}

function planPieces(mode: MemoryMode, { model, trainable }: EstimateOptions, rows: number): RowPieces {
  const { hiddenSize } = model.config;
  const trained = trainsHead(trainable, model);
  // In pieces, up to three gradients of a trained head's weight exist at a time, each as large as the logits of
  // `hiddenSize` rows; at once, none and three values as large as all logits.
  const each = trained ? Math.max(pieceRows[mode], Math.ceil(hiddenSize / 2)) : pieceRows[mode];
  const cuts = cutsHead(model) && (!trained || rows > 2 * hiddenSize);
  return cuts ? { count: Math.max(1, Math.ceil(rows / each)), rows: each } : { count: 1, rows };
}

/** Rows of each piece, as `batchInputs` cuts them. */
function pieceExtents({ count, rows: each }: RowPieces, rows: number): Record<string, number> {
  const rowsOf = (piece: number) => {
    const left = Math.max(0, rows - piece * each);
    return piece === count - 1 ? left : Math.min(each, left);
  };
  return Object.fromEntries(Array.from({ length: count }, (_, piece) => [pieceExtent(piece), rowsOf(piece)]));
}
