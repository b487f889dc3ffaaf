import type { Batch } from '@safetune/datasets';
import { adaptedForward } from '@safetune/models';
import {
  compile,
  flattenLeading,
  gather,
  type HostArray,
  hostArray,
  type NamedTensors,
  tensorType,
} from '@safetune/tensor';
import { adapterSignature, type ForwardBatchOptions, tokenIdsOf } from './forward-batches.ts';

/** Logits of at most so many rows exist at once: 256 rows of a 150,000-word vocabulary are 154 MB. */
export const rowsAtOnce = 256;

/** What the output layer takes at the places that predict an answer's token. */
export interface AnswerRows {
  /** float32 [rows, hidden] */
  readonly rows: HostArray;
  /** The token that each row predicts. */
  readonly labels: readonly number[];
  /** The example of each row, by its place in the batch. */
  readonly examples: readonly number[];
}

/** Compiles the blocks of a model, which give the rows from which a batch's answers are predicted. */
export async function compileAnswerRows(options: ForwardBatchOptions): Promise<{
  rowsOf(batch: Batch): Promise<AnswerRows>;
  release(): Promise<void>;
}> {
  const { model, adapter } = options;
  const blocks = await compile(
    (inputs: NamedTensors) => {
      const { output } = model.forward(inputs.tokenIds!, adaptedForward(adapter, inputs));
      return { rows: gather(flattenLeading(output), inputs.positions!) };
    },
    {
      ...adapterSignature(options),
      tokenIds: tensorType('int64', ['batch', 'seq']),
      positions: tensorType('int64', ['rows']),
    },
    { ...model.runtime, ...options.runtime },
  );
  return {
    async rowsOf(batch) {
      const { positions, labels } = targets(batch);
      const { rows } = await blocks.run({
        ...adapter?.tensors,
        tokenIds: tokenIdsOf(batch),
        positions: integers(positions),
      });
      return { rows, labels, examples: positions.map((position) => Math.floor(position / batch.length)) };
    },
    release: () => blocks.release(),
  };
}

/** Places in the flattened batch whose next token is one of a response, and these tokens. */
function targets({ size, length, tokenIds, responseMask }: Batch): { positions: number[]; labels: number[] } {
  const positions: number[] = [];
  // No row's first token is a target, so the place before a target is of the same row.
  for (let place = 1; place < size * length; place++)
    if (responseMask[place] === 1) positions.push(place - 1);
  return { positions, labels: positions.map((position) => tokenIds[position + 1]!) };
}

/** int64 [values] */
export function integers(values: readonly number[]): HostArray {
  return hostArray(BigInt64Array.from(values, BigInt), [values.length]);
}

/** The rows from `start` to before `end`. */
export function rowRange(rows: HostArray, start: number, end: number): HostArray {
  const width = rows.shape[1]!;
  return hostArray((rows.data as Float32Array).subarray(start * width, end * width), [end - start, width]);
}
