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

/** Compiles the blocks of a model, which give what the output layer takes at the places that predict an answer's token. */
export async function compileAnswerRows(options: ForwardBatchOptions): Promise<{
  /** float32 [rows, hidden] */
  rowsOf(batch: Batch): Promise<HostArray>;
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
