import { estimateMemory, type GraphMemory, input, type Signature, type Tensor } from '@safetune/tensor';
import { hiddenLayers, referenceStates } from '../layered-step/layered-head.ts';
import type { Part } from '../layered-step/layered-part.ts';
import { type LayeredParts, layeredParts } from '../layered-step/layered-trace.ts';
import type { MemoryMode } from '../memory/memory-mode.ts';
import { hasAnchors, type StepSettings, settingsOfRun, trainsHead } from '../step/step-settings.ts';
import { traceTrainStep, trainStepSignature } from '../whole-step/whole-step.ts';

/** Sums over the graphs of a mode, in bytes. */
export interface ModeGraphs {
  readonly weights: number;
  readonly activations: number;
  readonly logits: number;
  /** Values that lie outside the arenas: the residual stream between parts. */
  readonly states: number;
  /** The most that one run gives. */
  readonly outputs: number;
  /** Of the graphs that sessions are made of. */
  readonly compiledNodes: number;
}

/** A step that is to be measured. */
export interface MeasuredStep {
  readonly settings: StepSettings;
  readonly extents: Extents;
  /** Of the largest batch of anchors. */
  readonly anchorExtents: Extents;
  /** Whether sessions rearrange constant weights. */
  readonly prepacked: boolean;
  /** Different tokens that the run meets. */
  readonly differentTokens: number;
}

type Extents = Readonly<Record<string, number>>;

/** What the system maps of a file around an address that is read first (Linux's `fault_around_bytes`). */
const mappedAround = 2 ** 16;

/** Of a step that is one graph. */
export function wholeGraphs(mode: MemoryMode, step: MeasuredStep): ModeGraphs {
  const { settings, extents, prepacked } = step;
  const measureRun = (ofRun: StepSettings, extentsOfRun: Extents) =>
    measure(
      trainStepSignature(ofRun),
      (inputs) => traceTrainStep(ofRun, inputs, mode === 'recompute' ? 'all' : 'unkept'),
      extentsOfRun,
    );
  const ofTask = settingsOfRun(settings, false);
  const graph = measureRun(ofTask, extents);
  const head = measurePart(layeredParts(ofTask).head, extents);
  const logits = Math.min(head.peak, graph.peak);
  const anchors = hasAnchors(settings.regularizers)
    ? measureRun(settingsOfRun(settings, true), step.anchorExtents)
    : undefined;
  return {
    weights:
      constantWeights(graph, prepacked) +
      mappedTables(graph.tables, step) +
      // Both sessions map what is not rearranged.
      (prepacked && anchors ? constantWeights(anchors, prepacked) : 0),
    activations: graph.peak - logits + (anchors?.peak ?? 0),
    logits,
    states: 0,
    outputs: graph.outputs,
    compiledNodes: graph.nodes + (anchors?.nodes ?? 0),
  };
}

/** Of a step that is run block by block. */
export function layeredGraphs(mode: MemoryMode, step: MeasuredStep): ModeGraphs {
  const { settings, extents, prepacked } = step;
  const parts = layeredParts(settings);
  const { layerCount, hiddenSize } = settings.model.config;
  const layers = Array.from({ length: layerCount }, (_, index) => index + 1);
  const measured = (part: Part) => measurePart(part, extents);
  const forward = layers.map((layer) => measured(parts.block(layer)));
  const backward = layers.map((layer) => measured(parts.blockGradient(layer)));
  const references = settings.references.map((reference) => ({
    isOther: reference.model !== settings.model,
    blocks: layers.slice(0, reference.depth).map((layer) => measured(parts.referenceBlock(reference, layer))),
  }));
  const [own, other] = [false, true].map((isOther) =>
    references.filter((each) => each.isOther === isOther).map(({ blocks }) => blocks),
  ) as [GraphMemory[][], GraphMemory[][]];
  const edits = [0, ...layers].flatMap((layer) => {
    const edit = parts.edit(layer);
    return edit === undefined ? [] : [measured(edit), measured(parts.editGradient(layer))];
  });
  const head = measured(parts.head);
  const embed = measured(parts.embed);
  // With all weights trained, only the reference's are read.
  const blockWeights = layers.map((_, index) =>
    Math.max(
      forward[index]!.weights,
      backward[index]!.weights,
      ...own.map((blocks) => blocks[index]?.weights ?? 0),
    ),
  );
  // Each other checkpoint has its own, which come in and go beside the model's.
  const resident = [blockWeights, ...other.map((blocks) => blocks.map(({ weights }) => weights))]
    .map((weights) =>
      mode === 'layered' ? sum(weights) : sum(weights.toSorted((a, b) => b - a).slice(0, 2)),
    )
    .reduce((total, bytes) => total + bytes, 0);
  const stateBytes = 4 * (settings.packed ? extents.tokens! : extents.batch! * extents.seq!) * hiddenSize;
  const ofReferences = references.flatMap(({ blocks }) => blocks);
  const all = [...forward, ...backward, ...ofReferences, ...edits, head, embed];
  // Each session keeps what its largest run needed.
  const sessions = [...[forward, backward, ...own, ...other].flatMap(different), ...edits, embed];
  return {
    weights:
      resident + constantWeights(head, prepacked) + mappedTables(otherTables(settings, parts, extents), step),
    activations: sum(sessions.map(({ peak }) => peak)),
    logits: head.peak,
    states: stateBytes * stateCount(settings, parts),
    outputs: Math.max(...all.map(({ outputs }) => outputs)),
    compiledNodes: sum([...sessions, head].map(({ nodes }) => nodes)),
  };
}

/** One of each kind of block: blocks that are alike share a session. */
function different(graphs: readonly GraphMemory[]): readonly GraphMemory[] {
  return [...new Map(graphs.map((graph) => [`${graph.nodes} ${graph.peak}`, graph])).values()];
}

/** Of the tables that the embeddings are read from, those that are not the head's weights as well, which it maps whole. */
function otherTables(settings: StepSettings, parts: LayeredParts, extents: Extents): number {
  const { embed, referenceEmbed, head } = parts;
  const others = settings.references.filter(({ model }) => model !== settings.model).map(referenceEmbed);
  return estimateMemory([embed, ...others, head].flatMap(tracedOutputs), extents).tables;
}

/** Residual streams that are held at once. */
function stateCount(settings: StepSettings, { edit }: LayeredParts): number {
  const layers = Array.from({ length: settings.model.config.layerCount + 1 }, (_, layer) => layer);
  const edited = layers.filter((layer) => edit(layer) !== undefined).length;
  // A reference goes to and fro between two where the head does not take it, as the gradient does.
  const embedding = trainsHead(settings.trainable, settings.model) ? 1 : 0;
  const ofReferences = settings.references.map(
    (reference) => 2 + referenceStates(reference).length + embedding,
  );
  return layers.length + edited + 2 + hiddenLayers(settings).length + sum(ofReferences);
}

/** Prepacking replaces a weight by one copy for each way of multiplying by it: as it lies, and transposed. */
function constantWeights({ weights, products }: GraphMemory, prepacked: boolean): number {
  return prepacked ? Math.max(weights, products) : weights;
}

/** What tokens map of tables of embeddings: most rows are far apart. */
function mappedTables(tables: number, { settings, differentTokens }: MeasuredStep): number {
  const others = settings.references.filter(({ model }) => model !== settings.model).length;
  return Math.min(tables, (1 + others) * mappedAround * differentTokens);
}

export function measurePart(part: Part, extents: Extents): GraphMemory {
  return estimateMemory(tracedOutputs(part), extents);
}

export function measure(signature: Signature, trace: Part['trace'], extents: Extents): GraphMemory {
  return measurePart({ signature, trace }, extents);
}

/** The outputs of a function over its signature, traced. */
function tracedOutputs({ signature, trace }: Part): readonly Tensor[] {
  const inputs = Object.entries(signature).map(([name, type]) => [name, input(name, type)]);
  return Object.values(trace(Object.fromEntries(inputs)));
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
