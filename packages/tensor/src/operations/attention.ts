import { checkpoint } from '../checkpoint.ts';
import { customGradient } from '../custom-gradient.ts';
import { type Dimension, describeShape, multiplyDimensions, type Shape, sameShape } from '../dimension.ts';
import { ShapeError } from '../errors.ts';
import { keep } from '../keep.ts';
import type { Tensor } from '../tensor.ts';
import { sum, sumToShape } from './broadcast.ts';
import { add, greater, lessOrEqual, logicalAnd, multiply, subtract, tanh, where } from './elementwise.ts';
import { matmul } from './linalg.ts';
import { softmax } from './nn.ts';
import { concatenate, range, reshape, slice } from './shape.ts';

export interface AttentionOptions {
  /** Additive bias on the scores, broadcast to [batch, kvHeads, group, queries, keys]; for example {@link causalBias}. */
  readonly bias?: Tensor;
  /** Factor on the scores. Default 1 / sqrt(headDim). */
  readonly scale?: number;
  /**
   * Soft-capping (Gemma Team 2024, arXiv 2408.00118): scores s, scaled and before the bias, become c tanh(s / c). Default:
   * none.
   */
  readonly softCap?: number;
  /**
   * Heads are computed in so many blocks, one after another, and each again in the backward pass: the scores of one block
   * exist at a time, which for long sequences are most of the memory. One of {@link attentionBlockCounts}; a bias must
   * then be equal for all heads. Default 1: all heads at once.
   */
  readonly blocks?: number;
}

/**
 * Scaled dot-product attention (Vaswani et al. 2017, eq. 1) with grouped queries (Ainslie et al. 2023): query head h
 * attends with key and value head floor(h / (heads / kvHeads)). The result is marked with `keep`.
 *
 * @param query [batch, heads, queries, headDim]
 * @param key [batch, kvHeads, keys, headDim]
 * @param value [batch, kvHeads, keys, headDim]
 * @returns [batch, heads, queries, headDim]
 * @throws ShapeError when the shapes do not fit, query heads cannot share the key heads evenly, or the heads do not come
 * in so many blocks.
 */
export function attention(query: Tensor, key: Tensor, value: Tensor, options: AttentionOptions = {}): Tensor {
  requireAttentionShapes(query.shape, key.shape, value.shape);
  const scale = options.scale ?? 1 / Math.sqrt(query.shape[3] as number);
  const { bias, softCap, blocks = 1 } = options;
  const scores: ScoreOptions = { scale, softCap, bias };
  if (blocks === 1) return attend(query, key, value, scores);
  requireBlocks(query.shape, key.shape, blocks, bias);
  const [heads, kvHeads] = [query.shape[1] as number, key.shape[1] as number];
  const size = heads / blocks;
  const group = heads / kvHeads;
  const results: Tensor[] = [];
  for (let block = 0; block < blocks; block++) {
    const first = Math.floor((block * size) / group);
    const end = Math.max(first + 1, ((block + 1) * size) / group);
    const [blockKey, blockValue] = [slice(key, 1, first, end), slice(value, 1, first, end)];
    const blockQuery = slice(query, 1, block * size, (block + 1) * size);
    const once = (q: Tensor, k: Tensor, v: Tensor) => [attend(q, k, v, scores)];
    results.push(
      ...checkpoint(once as (...inputs: Tensor[]) => Tensor[], [blockQuery, blockKey, blockValue]),
    );
  }
  return keep(concatenate(results, 1));
}

/** The numbers of blocks that heads can be computed in: a block is some key heads whole, or a part of one's queries. */
export function attentionBlockCounts(heads: number, kvHeads: number): number[] {
  const group = heads / kvHeads;
  return Array.from({ length: heads }, (_, index) => index + 1).filter((count) => {
    const size = heads / count;
    return Number.isInteger(size) && (size % group === 0 || group % size === 0);
  });
}

interface ScoreOptions {
  readonly scale: number;
  readonly softCap: number | undefined;
  readonly bias: Tensor | undefined;
}

function attend(query: Tensor, key: Tensor, value: Tensor, options: ScoreOptions): Tensor {
  const { scale, softCap, bias } = options;
  const inputs = [query, key, value, ...(bias === undefined ? [] : [bias])];
  return customGradient('attention', inputs, () => {
    const [batch, heads, queries] = query.shape as [Dimension, number, Dimension];
    const [, kvHeads, keys] = key.shape as [Dimension, number, Dimension];
    const group = heads / kvHeads;
    const scoreShape = [batch, kvHeads, group, queries, keys];
    // The queries of a group are rows of one product with their shared key head: keys are never repeated.
    const rows = groupRows(query, group);
    const capped =
      softCap === undefined
        ? undefined
        : tanh(matmul(rows, key, { transposeB: true, alpha: scale / softCap }));
    let scores =
      capped === undefined
        ? matmul(rows, key, { transposeB: true, alpha: scale })
        : multiply(capped, softCap!);
    if (bias !== undefined) scores = add(reshape(scores, scoreShape), bias);
    const weights = reshape(softmax(scores), [batch, kvHeads, rows.shape[2]!, keys]);
    const attended = keep(matmul(weights, value));
    return {
      value: reshape(attended, query.shape),
      gradient: (ofResult) => {
        const g = groupRows(ofResult, group);
        // The sum over keys of weights times their gradients is that over features of the result times its gradient
        // (Dao et al. 2022, arXiv 2205.14135, equation 4): no pass over the scores.
        const projection = sum(multiply(g, attended), { axes: -1, keepDims: true });
        const ofScores = multiply(weights, subtract(matmul(g, value, { transposeB: true }), projection));
        // c tanh(s / c) has the derivative 1 - tanh(s / c)^2.
        const ofProducts =
          capped === undefined ? ofScores : multiply(ofScores, subtract(1, multiply(capped, capped)));
        return [
          reshape(matmul(ofProducts, key, { alpha: scale }), query.shape),
          matmul(ofProducts, rows, { transposeA: true, alpha: scale }),
          matmul(weights, g, { transposeA: true }),
          ...(bias === undefined ? [] : [sumToShape(reshape(ofScores, scoreShape), bias.shape)]),
        ];
      },
    };
  });
}

function requireBlocks(query: Shape, key: Shape, blocks: number, bias: Tensor | undefined): void {
  const [heads, kvHeads] = [query[1] as number, key[1] as number];
  const counts = attentionBlockCounts(heads, kvHeads);
  if (!counts.includes(blocks)) {
    throw new ShapeError(
      'attention',
      `${heads} heads over ${kvHeads} key heads cannot be computed in ${blocks} blocks, but in ${counts.join(', ')}`,
    );
  }
  const perHead = bias?.shape.slice(-4, -2).some((extent) => extent !== 1);
  if (perHead) {
    throw new ShapeError(
      'attention',
      `bias ${describeShape(bias!.shape)} differs between heads, which then cannot be computed in blocks`,
    );
  }
}

function requireAttentionShapes(query: Shape, key: Shape, value: Shape): void {
  const [batch, heads, , headDim] = query;
  const kvHeads = key[1];
  const fits =
    query.length === 4 &&
    typeof headDim === 'number' &&
    sameShape(key, [batch!, kvHeads!, key[2]!, headDim]) &&
    sameShape(value, key) &&
    typeof heads === 'number' &&
    typeof kvHeads === 'number' &&
    heads % kvHeads === 0;
  if (!fits) {
    throw new ShapeError(
      'attention',
      `query ${describeShape(query)} must be [batch, heads, queries, headDim], key ${describeShape(key)} and value ` +
        `${describeShape(value)} both [batch, kvHeads, keys, headDim], heads a multiple of kvHeads`,
    );
  }
}

function groupRows(query: Tensor, group: number): Tensor {
  const [batch, heads, queries, headDim] = query.shape as [Dimension, number, Dimension, number];
  return reshape(query, [batch, heads / group, multiplyDimensions(queries, group), headDim]);
}

/** Large enough to silence a score, small enough that adding two stays finite. */
const masked = -1e9;

/**
 * Additive causal bias [seq, seq]: 0 where key <= query, else -1e9; with a `window`, 0 only for the last `window` of these
 * keys, the query's own included.
 */
export function causalBias(length: Dimension, window?: number): Tensor {
  const positions = range(length);
  const query = reshape(positions, [length, 1]);
  if (window === undefined) return where(greater(positions, query), masked, 0);
  const visible = logicalAnd(lessOrEqual(positions, query), greater(positions, subtract(query, window)));
  return where(visible, 0, masked);
}
