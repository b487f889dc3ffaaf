import {
  attentionBlockCounts,
  estimateMemory,
  type GraphMemory,
  input,
  type Signature,
  type Tensor,
} from '@safetune/tensor';
import { pieceExtent, type RowPieces } from '../data/batch-inputs.ts';
import {
  hiddenLayers,
  type LayeredParts,
  layeredParts,
  type Part,
  referenceStates,
} from '../layered-step/layered-trace.ts';
import type { MemoryMode } from '../memory/memory-mode.ts';
import { referenceDepth } from '../step/forward.ts';
import { cutsHead, type StepSettings, stepSettings, trainsHead } from '../step/step-settings.ts';
import type { TrainStepOptions } from '../step/train-step.ts';
import { traceTrainStep, trainStepSignature } from '../whole-step/whole-step.ts';

/** The largest batch of a run. */
export interface BatchShape {
  /** Examples. */
  readonly size: number;
  /** Tokens of the longest. */
  readonly length: number;
  /** Rows of logits. Default: one for each token but the first of an example. */
  readonly rows?: number;
}

/** What a mode adds to the memory of the process, in bytes. */
export interface MemoryEstimate {
  readonly mode: MemoryMode;
  /**
   * The checkpoint's weights, as far as they are in memory at one time: mapped from files, read, or rearranged. Of tables of
   * embeddings what one batch reads; what later ones read is mapped from the file too, and given up when memory is short.
   */
  readonly weights: number;
  /** Gradients and AdamW's two moments of all trained values; the values themselves are there already. */
  readonly trained: number;
  /** Intermediate values before the output layer. */
  readonly activations: number;
  /** Intermediate values of the output layer and the loss. */
  readonly logits: number;
  /** Compiled graphs. */
  readonly sessions: number;
  readonly total: number;
  /** How rows go through the output layer in this mode. */
  readonly headPieces: RowPieces;
  /** Blocks of heads that attention is computed in: more than one for long sequences. */
  readonly attentionBlocks: number;
}

export interface EstimateOptions extends Omit<TrainStepOptions, 'recompute'> {
  readonly batch: BatchShape;
  /** Batches of one optimizer step: more than one needs a buffer for their sum. Default 1. */
  readonly gradientAccumulation?: number;
}

/** Memory that ONNX Runtime's arena loses to gaps, as a factor. Measured: 1.0 to 1.25 at 256 and 512 tokens. */
const arenaFactor = 1.2;

/** Memory of a session for each node of its trace. Measured: 22 to 26 kB. */
const bytesPerNode = 25_000;

/** What the system maps of a file around an address that is read first (Linux's `fault_around_bytes`). */
const mappedAround = 2 ** 16;

/** Of the runtime's library, once used, and of JavaScript's heap. */
const runtimeBytes = 50e6;

/** Rows of one piece: large ones multiply faster, small ones need less memory for a large vocabulary. */
const pieceRows: Readonly<Record<MemoryMode, number>> = {
  whole: 128,
  recompute: 128,
  layered: 64,
  streamed: 64,
};

/** Traces the step in that mode, compiles nothing, and adds up what it will need. */
export function estimateMode(mode: MemoryMode, options: EstimateOptions): MemoryEstimate {
  const { batch, trainable, gradientAccumulation = 1 } = options;
  const { size, length, rows = size * (length - 1) } = batch;
  const headPieces = options.headPieces ?? planPieces(mode, options, rows);
  const attentionBlocks = options.attentionBlocks ?? planAttentionBlocks(options);
  const settings = stepSettings({ ...options, headPieces, attentionBlocks });
  const extents = {
    batch: size,
    seq: length,
    tokens: size * length,
    pairs: size / 2,
    ...pieceExtents(headPieces, rows),
  };
  const prepacked = { ...options.model.runtime, ...options.runtime }.prepackWeights === true;
  const whole = mode === 'whole' || mode === 'recompute';
  const graphs = whole
    ? wholeGraphs(settings, extents, mode, prepacked)
    : layeredGraphs(settings, extents, mode, prepacked);
  const trained = trainable.parameters.byteLength * (gradientAccumulation > 1 ? 4 : 3);
  const { weights, nodes } = graphs;
  const sessions = runtimeBytes + bytesPerNode * nodes;
  const [logits, activations] = [
    arenaFactor * graphs.logits,
    arenaFactor * graphs.activations + graphs.states,
  ];
  const total = weights + trained + activations + logits + sessions;
  return { mode, weights, trained, activations, logits, sessions, total, headPieces, attentionBlocks };
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

/** Sums over the graphs of a mode, in bytes. */
interface ModeGraphs {
  readonly weights: number;
  readonly activations: number;
  readonly logits: number;
  /** Values that lie outside the arenas: the residual stream between parts. */
  readonly states: number;
  readonly nodes: number;
}

type Extents = Readonly<Record<string, number>>;

function wholeGraphs(
  settings: StepSettings,
  extents: Extents,
  mode: MemoryMode,
  prepacked: boolean,
): ModeGraphs {
  const graph = measure(
    trainStepSignature(settings),
    (inputs) => traceTrainStep(settings, inputs, mode === 'recompute' ? 'all' : 'unkept'),
    extents,
  );
  const head = measurePart(layeredParts(settings).head, extents);
  const logits = Math.min(head.peak, graph.peak);
  const weights = constantWeights(graph, prepacked) + mappedTables(graph, extents);
  return { weights, activations: graph.peak - logits, logits, states: 0, nodes: graph.nodes };
}

function layeredGraphs(
  settings: StepSettings,
  extents: Extents,
  mode: MemoryMode,
  prepacked: boolean,
): ModeGraphs {
  const parts = layeredParts(settings);
  const { layerCount, hiddenSize } = settings.model.config;
  const layers = Array.from({ length: layerCount }, (_, index) => index + 1);
  const passes = layers.map((layer) => {
    const forward = measurePart(parts.block(layer), extents);
    return { forward, backward: measurePart(parts.blockGradient(layer), extents) };
  });
  const depth = referenceDepth(settings);
  const reference = depth === undefined ? undefined : measurePart(parts.referenceBlock(1), extents);
  const head = measurePart(parts.head, extents);
  // A session of its own, which maps the table once more where the head has it too.
  const embed = measurePart(parts.embed, extents);
  // Each session keeps what its largest run needed.
  const sessions = [
    largest(passes.map(({ forward }) => forward)),
    largest(passes.map(({ backward }) => backward)),
    ...(reference === undefined ? [] : [reference]),
  ];
  // With all weights trained, only the reference's are read.
  const blockWeights = passes.map(({ forward, backward }, index) =>
    Math.max(forward.weights, backward.weights, index < (depth ?? 0) ? reference!.weights : 0),
  );
  const resident =
    mode === 'layered' ? blockWeights.reduce((sum, bytes) => sum + bytes, 0) : 2 * Math.max(...blockWeights);
  const stateBytes = 4 * extents.batch! * extents.seq! * hiddenSize;
  return {
    weights: resident + constantWeights(head, prepacked) + mappedTables(embed, extents),
    activations: sessions.reduce((sum, { peak }) => sum + peak, 0),
    logits: head.peak,
    states: stateBytes * stateCount(settings, parts),
    nodes: [...sessions, head].reduce((sum, { nodes }) => sum + nodes, 0),
  };
}

/** Residual streams that are held at once. */
function stateCount(settings: StepSettings, { edit }: LayeredParts): number {
  const layers = Array.from({ length: settings.model.config.layerCount + 1 }, (_, layer) => layer);
  const edited = layers.filter((layer) => edit(layer) !== undefined).length;
  // The reference goes to and fro between two where the head does not take it, as the gradient does.
  const embedding = trainsHead(settings.trainable, settings.model) ? 1 : 0;
  const reference =
    referenceDepth(settings) === undefined ? 0 : 2 + referenceStates(settings).length + embedding;
  return layers.length + edited + 2 + hiddenLayers(settings).length + reference;
}

/** Prepacking replaces a weight by one copy for each way of multiplying by it: as it lies, and transposed. */
function constantWeights({ weights, products }: GraphMemory, prepacked: boolean): number {
  return prepacked ? Math.max(weights, products) : weights;
}

/** What one batch maps of the tables of embeddings: most rows are far apart. */
function mappedTables({ tables }: GraphMemory, { tokens }: Extents): number {
  return Math.min(tables, mappedAround * tokens!);
}

function largest(graphs: readonly GraphMemory[]): GraphMemory {
  return graphs.reduce((a, b) => (b.peak > a.peak ? b : a));
}

function measurePart({ signature, trace }: Part, extents: Extents): GraphMemory {
  return measure(signature, trace, extents);
}

function measure(
  signature: Signature,
  trace: (inputs: Readonly<Record<string, Tensor>>) => Readonly<Record<string, Tensor>>,
  extents: Extents,
): GraphMemory {
  const inputs = Object.fromEntries(
    Object.entries(signature).map(([name, type]) => [name, input(name, type)]),
  );
  return estimateMemory(Object.values(trace(inputs)), extents);
}
