import type { Batch } from '@safetune/datasets';
import {
  compile,
  input,
  type NamedTensors,
  type RuntimeOptions,
  type Tensor,
  tensorsBehind,
  tensorType,
} from '@safetune/tensor';
import { batchInputs, batchSignature } from '../data/batch-inputs.ts';
import { TrainOptionError } from '../errors.ts';
import { collectForward, type ForwardSettings, neededLayers } from './forward.ts';
import { traceRowCounts } from './loss.ts';
import type { StepSettings } from './step-settings.ts';

/** What the penalties of a batch are means over: by these counts, those of several batches make up that of all. */
export interface PenaltyCounts {
  /** By name of the regularizer; none for a penalty that counts as the targets do. */
  of(batch: Batch): Promise<Readonly<Record<string, number>>>;
  release(): Promise<void>;
}

/**
 * Prepares to count: examples, or the rows that a penalty's mask picks, which the penalty alone can tell. The masks are
 * compiled by themselves, without the model.
 *
 * @throws TrainOptionError for a penalty whose mask depends on what the model computes, which is known too late.
 */
export async function compilePenaltyCounts(
  settings: StepSettings,
  runtime?: RuntimeOptions,
): Promise<PenaltyCounts> {
  const { regularizers, pieces, scope, tags } = settings;
  const perExample = regularizers.filter(
    ({ penaltyPerRow, meanOver }) => !penaltyPerRow && meanOver === 'examples',
  );
  const countsRows = regularizers.some(({ penaltyPerRow }) => penaltyPerRow);
  const rows = countsRows
    ? await compile((inputs) => traceCounts(settings, inputs), batchSignature(pieces.count, tags), runtime)
    : undefined;
  return {
    async of(batch) {
      const found = (await rows?.run(batchInputs(batch, scope, pieces, tags))) ?? {};
      return {
        ...Object.fromEntries(Object.entries(found).map(([name, { data }]) => [name, Number(data[0])])),
        ...Object.fromEntries(perExample.map(({ name }) => [name, batch.size])),
      };
    },
    release: async () => rows?.release(),
  };
}

function traceCounts(settings: StepSettings, inputs: NamedTensors): Record<string, Tensor> {
  const { model, regularizers, pieces, attentionBlocks } = settings;
  const state = input('state', tensorType('float32', ['batch', 'seq', model.config.hiddenSize]));
  const forward: ForwardSettings = {
    model,
    trained: () => ({}),
    parameters: [],
    regularizers,
    recompute: 'none',
    pieces: pieces.count,
    attentionBlocks,
    // Counted are examples as they are, however the step runs over them.
    packed: false,
    references: settings.references.map((reference) => ({ ...reference, adapted: {} })),
  };
  const layers = [...neededLayers(settings), ...settings.references.flatMap((each) => each.layers)];
  const states = Object.fromEntries(layers.map((layer) => [layer, state]));
  const backbone = { output: state, states };
  const references = new Map(settings.references.map(({ name }) => [name, backbone]));
  const counts = traceRowCounts(forward, collectForward(forward, inputs, backbone, references));
  for (const [name, count] of Object.entries(counts)) {
    if (tensorsBehind([count], [state]).length === 0) continue;
    throw new TrainOptionError(
      'gradientAccumulation',
      `which rows '${name}' counts depends on what the model computes, so several batches cannot be made to one. ` +
        'Use a larger batchSize instead',
    );
  }
  return counts;
}
