import type { Batch, ChatExample } from '@safetune/datasets';
import { adaptedForward } from '@safetune/models';
import {
  compile,
  estimateMemory,
  flattenLeading,
  type GraphMemory,
  gather,
  type HostArray,
  hostArray,
  input,
  type NamedTensors,
  type Signature,
  type Tensor,
  tensorType,
} from '@safetune/tensor';
import { adapterSignature, type ForwardBatchOptions, forwardBatches, tokenIdsOf } from './forward-batches.ts';

/** Logits of at most so many rows exist at once: 256 rows of a 150,000-word vocabulary are 154 MB. */
export const rowsAtOnce = 256;

/** Compiles the blocks of a model, which give what the output layer takes at the places that predict an answer's token. */
export async function compileAnswerRows(options: ForwardBatchOptions): Promise<{
  /** float32 [rows, hidden] */
  rowsOf(batch: Batch): Promise<HostArray>;
  release(): Promise<void>;
}> {
  const { model, adapter } = options;
  const blocks = await compile((inputs) => traceRows(options, inputs), rowsSignature(options), {
    ...model.runtime,
    ...options.runtime,
  });
  return {
    async rowsOf(batch) {
      const positions = predictingPlaces(batch);
      const { rows } = await blocks.run({
        ...adapter?.tensors,
        tokenIds: tokenIdsOf(batch),
        positions: hostArray(BigInt64Array.from(positions, BigInt), [positions.length]),
      });
      return rows;
    },
    release: () => blocks.release(),
  };
}

/** What the blocks take for the largest of these conversations' batches. */
export function answerRowsMemory(
  examples: readonly ChatExample[],
  options: ForwardBatchOptions,
): GraphMemory {
  const traced = traceRows(options, declaredInputs(rowsSignature(options)));
  return estimateMemory(Object.values(traced), largestExtents(examples, options));
}

/**
 * What the output layer takes for the most rows of these conversations that exist at once.
 *
 * @param trace gives what is computed of `rows`, `referenceRows` and `labels`
 */
export function answerHeadMemory(
  examples: readonly ChatExample[],
  options: ForwardBatchOptions,
  trace: (inputs: NamedTensors) => readonly Tensor[],
): GraphMemory {
  const rows = tensorType('float32', ['rows', options.model.config.hiddenSize]);
  const labels = tensorType('int64', ['rows']);
  const signature = { ...adapterSignature(options), rows, referenceRows: rows, labels };
  const most = Math.min(rowsAtOnce, largestExtents(examples, options).rows);
  return estimateMemory(trace(declaredInputs(signature)), { rows: most });
}

function largestExtents(examples: readonly ChatExample[], options: ForwardBatchOptions) {
  const batches = [...forwardBatches(examples, options)].map(({ batch }) => batch);
  const largest = (of: (batch: Batch) => number) => Math.max(...batches.map(of));
  return {
    batch: largest(({ size }) => size),
    seq: largest(({ length }) => length),
    rows: largest((batch) => predictingPlaces(batch).length),
  };
}

function declaredInputs(signature: Signature): NamedTensors {
  return Object.fromEntries(Object.entries(signature).map(([name, type]) => [name, input(name, type)]));
}

function traceRows({ model, adapter }: ForwardBatchOptions, inputs: NamedTensors) {
  const { output } = model.forward(inputs.tokenIds!, adaptedForward(adapter, inputs));
  return { rows: gather(flattenLeading(output), inputs.positions!) };
}

function rowsSignature(options: ForwardBatchOptions) {
  return {
    ...adapterSignature(options),
    tokenIds: tensorType('int64', ['batch', 'seq']),
    positions: tensorType('int64', ['rows']),
  };
}

/** Places in the flattened batch whose next token is one of a response. */
function predictingPlaces({ size, length, responseMask }: Batch): number[] {
  const positions: number[] = [];
  // No row's first token is one, so the place before is of the same row.
  for (let place = 1; place < size * length; place++)
    if (responseMask[place] === 1) positions.push(place - 1);
  return positions;
}

/** The rows from `start` to before `end`. */
export function rowRange(rows: HostArray, start: number, end: number): HostArray {
  const width = rows.shape[1]!;
  return hostArray((rows.data as Float32Array).subarray(start * width, end * width), [end - start, width]);
}
