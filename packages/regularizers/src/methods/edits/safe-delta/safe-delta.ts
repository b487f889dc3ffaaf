import { contiguousData, type HostArray, hostArray, type RuntimeOptions } from '@safetune/tensor';
import { RegularizerOptionError, SafeDeltaError } from '../../../errors.ts';
import { checkOptions } from '../../../interface/options.ts';
import { compileMatrixProducts, type MatrixProducts } from '../../weights/safe-lora/products.ts';
import { inverseFactor } from './inverse-factor.ts';
import { takenValues } from './selection.ts';

/** One layer for {@link safeDelta}. */
export interface DeltaLayer {
  /** For errors. Default 'the layer'. */
  readonly name?: string;
  /** W of the aligned model, float32 [out, in] */
  readonly aligned: HostArray;
  /** W after fine-tuning, float32 [out, in] */
  readonly tuned: HostArray;
  /** Sum of x x^T over all tokens of safe conversations, x being the layer's inputs; float32 [in, in] */
  readonly moments: HostArray;
  /** How many conversations these were. */
  readonly samples: number;
}

/** Options of {@link safeDelta}. */
export interface SafeDeltaOptions {
  /** s: how much the outputs on safe conversations may change. Default 0.1 (the authors' code). 0 takes nothing. */
  readonly scale?: number;
  /** Columns among which values are chosen at a time. Default 2048 (the authors' code). */
  readonly blockColumns?: number;
}

/** A layer between the aligned and the fine-tuned one. */
export interface DeltaEdit {
  /** float32 [out, in] */
  readonly values: HostArray;
  /** Share of the fine-tuned values that were taken, 0 to 1. */
  readonly taken: number;
}

/** Diagonal of H is raised by this share of its mean, so that it can be inverted. */
const damping = 0.01;
/** Columns whose changes are made up for at once, as in the authors' code. */
const together = 4;
/** Columns of which the rest of a weight hears at once. */
const panel = 128;

/**
 * Safe Delta (Lu et al., ICML 2025, arXiv 2505.12038) on one layer: of the fine-tuned values those are taken that change the
 * outputs on safe conversations least, within a budget; what they change is made up for in the values that are not taken, by
 * the rule of the optimal brain surgeon. With H = 2 / samples sum x x^T and U^T U = H^-1, d the diagonal of U: taking w' for w costs
 * (w' - w)^2 / d^2, and moves the values behind it in its row by -(w - w') / d U.
 *
 * @throws RegularizerOptionError for options out of range; SafeDeltaError for arrays that do not fit together or are not finite.
 */
export async function safeDelta(
  layer: DeltaLayer,
  options: SafeDeltaOptions = {},
  runtime?: RuntimeOptions,
): Promise<DeltaEdit> {
  const checked = checkSafeDelta(options);
  const products = await compileMatrixProducts(runtime);
  try {
    return await editLayer(layer, checked, products);
  } finally {
    await products.release();
  }
}

async function editLayer(
  layer: DeltaLayer,
  { scale, blockColumns }: Required<SafeDeltaOptions>,
  products: MatrixProducts,
): Promise<DeltaEdit> {
  const { name = 'the layer', aligned, tuned, moments, samples } = layer;
  const [rows, columns] = requireFit(layer);
  const factor = await inverseFactor(hessian(moments, samples), products);
  if (factor === undefined || !(contiguousData(factor) as Float32Array).every(Number.isFinite))
    throw new SafeDeltaError(name, 'what goes into it holds NaN or infinite values');
  const upper = factor.data as Float32Array;
  const values = Float32Array.from(contiguousData(aligned) as Float32Array);
  const after = contiguousData(tuned) as Float32Array;
  const diagonal = Float64Array.from({ length: columns }, (_, at) => upper[at * columns + at]!);
  let count = 0;
  for (let first = 0; first < columns; first += blockColumns) {
    const last = Math.min(first + blockColumns, columns);
    const taken = takenValues(
      {
        before: columnsOf(values, columns, first, last),
        after: columnsOf(after, columns, first, last),
        rows,
        diagonal: diagonal.subarray(first, last),
      },
      scale,
    );
    count += taken.reduce((sum, one) => sum + one, 0);
    for (let start = first; start < last; start += panel) {
      const end = Math.min(start + panel, last);
      const errors = takePanel({ values, after, taken, upper, rows, columns, first, last, start, end });
      if (end === columns) break;
      const reach = hostArray(rowsOf(upper, columns, start, end, end), [end - start, columns - end]);
      const change = await products.times(hostArray(errors, [rows, end - start]), reach);
      subtractBehind(values, columns, end, change.data as Float32Array);
    }
  }
  if (!values.every(Number.isFinite))
    throw new SafeDeltaError(name, 'its weights hold NaN or infinite values');
  return { values: hostArray(values, [rows, columns]), taken: count / (rows * columns) };
}

/**
 * The options with their defaults.
 *
 * @throws RegularizerOptionError for a scale below 0, or blocks of a width that is no multiple of 4.
 */
export function checkSafeDelta(options: SafeDeltaOptions): Required<SafeDeltaOptions> {
  checkOptions('safe-delta', options, ['scale', 'blockColumns']);
  const { scale = 0.1, blockColumns = 2048 } = options;
  const fail = (why: string) => new RegularizerOptionError('safe-delta', why);
  if (!Number.isFinite(scale) || scale < 0) throw fail(`scale is ${scale}, must be a number of at least 0`);
  if (!Number.isInteger(blockColumns) || blockColumns < 1 || blockColumns % together !== 0)
    throw fail(`blockColumns is ${blockColumns}, must be a multiple of ${together}`);
  return { scale, blockColumns };
}

/** H, damped; inputs that are never active get 1. */
function hessian(moments: HostArray, samples: number): HostArray {
  const size = moments.shape[0]!;
  const data = (contiguousData(moments) as Float32Array).map((value) => (2 / samples) * value);
  let sum = 0;
  for (let at = 0; at < data.length; at += size + 1) {
    if (data[at] === 0) data[at] = 1;
    sum += data[at]!;
  }
  for (let at = 0; at < data.length; at += size + 1) data[at]! += (damping * sum) / size;
  return hostArray(data, [size, size]);
}

interface Panel {
  readonly values: Float32Array;
  readonly after: Float32Array;
  /** [rows, last - first] */
  readonly taken: Uint8Array;
  readonly upper: Float32Array;
  readonly rows: number;
  readonly columns: number;
  readonly first: number;
  readonly last: number;
  readonly start: number;
  readonly end: number;
}

/** Takes the chosen values of a panel's columns and makes up for them within it; (w - w') / d, [rows, end - start]. */
function takePanel({
  values,
  after,
  taken,
  upper,
  rows,
  columns,
  first,
  last,
  start,
  end,
}: Panel): Float32Array<ArrayBuffer> {
  const width = end - start;
  const errors = new Float32Array(rows * width);
  for (let row = 0; row < rows; row++) {
    const own = row * columns;
    for (let column = start; column < end; column += together) {
      const behind = Math.min(column + together, end);
      for (let at = column; at < behind; at++) {
        if (taken[row * (last - first) + at - first] === 0) continue;
        const error = (values[own + at]! - after[own + at]!) / upper[at * columns + at]!;
        errors[row * width + at - start] = error;
        values[own + at] = after[own + at]!;
        for (let other = behind; other < end; other++)
          values[own + other]! -= error * upper[at * columns + other]!;
      }
    }
  }
  return errors;
}

function columnsOf(data: Float32Array, columns: number, first: number, last: number): Float32Array {
  if (first === 0 && last === columns) return data;
  return rowsOf(data, columns, 0, data.length / columns, first, last);
}

/** Rows `start` to `end` from a column on, packed. */
function rowsOf(
  data: Float32Array,
  columns: number,
  start: number,
  end: number,
  first: number,
  last = columns,
): Float32Array<ArrayBuffer> {
  const width = last - first;
  const result = new Float32Array((end - start) * width);
  for (let row = start; row < end; row++)
    result.set(data.subarray(row * columns + first, row * columns + last), (row - start) * width);
  return result;
}

function subtractBehind(values: Float32Array, columns: number, first: number, change: Float32Array): void {
  const width = columns - first;
  for (let at = 0; at < change.length; at++)
    values[Math.floor(at / width) * columns + first + (at % width)]! -= change[at]!;
}

/** @throws SafeDeltaError */
function requireFit({ name = 'the layer', aligned, tuned, moments, samples }: DeltaLayer): [number, number] {
  const shapes = [aligned, tuned, moments].map(({ shape }) => shape.join(', '));
  const [rows, columns] = aligned.shape;
  if (aligned.shape.length !== 2 || shapes[0] !== shapes[1] || shapes[2] !== `${columns}, ${columns}`)
    throw new SafeDeltaError(
      name,
      `aligned is [${shapes[0]}], tuned [${shapes[1]}], the moments [${shapes[2]}]: they do not fit together`,
    );
  if (!Number.isInteger(samples) || samples < 1)
    throw new SafeDeltaError(name, `samples is ${samples}, must be a positive number of conversations`);
  return [rows!, columns!];
}
