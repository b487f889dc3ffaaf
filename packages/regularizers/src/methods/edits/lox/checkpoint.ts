import { type ChangeOptions, writeChangedCheckpoint } from '@safetune/lora';
import {
  type Checkpoint,
  findTensor,
  openCheckpoint,
  type RuntimeOptions,
  readTensor,
  type TensorRegion,
} from '@safetune/tensor';
import { RegularizerOptionError, SafetyDirectionError } from '../../../errors.ts';
import { checkOptions } from '../../../interface/options.ts';
import {
  type AdaptedLayer,
  type CheckpointPair,
  openSafetyDirections,
  type SafetyDirections,
} from '../../weights/safe-lora/direction.ts';
import { compileMatrixProducts } from '../../weights/safe-lora/products.ts';
import { checkStrength, extrapolated, type LoxStrength } from './lox.ts';

/** Options of {@link extrapolateCheckpoint}. */
export interface ExtrapolateOptions extends CheckpointPair, LoxStrength, ChangeOptions {
  /** Folder to make; must not exist, or be empty, unless it is to be replaced. */
  readonly out: string;
  /**
   * Whether the embedding and the output layer are moved too, as the authors do. Without them the two checkpoints may have
   * vocabularies of different sizes. Default true.
   */
  readonly embeddings?: boolean;
  readonly runtime?: RuntimeOptions;
}

const extrapolateOptions: readonly string[] = [
  'base',
  'aligned',
  'out',
  'rank',
  'factor',
  'embeddings',
  'dtype',
  'replace',
  'runtime',
];

/** What was done to one matrix. */
export interface Extrapolation {
  /** Without `.weight`. */
  readonly name: string;
  /** ||V||_F: how far alignment moved it; 0 where it is left as it was. */
  readonly norm: number;
  /** Share of ||V||_F^2 in the directions that were extrapolated; NaN where the norm is 0. */
  readonly energy: number;
}

/**
 * LoX (Perin et al., COLM 2025, arXiv 2506.15606), before fine-tuning: writes a checkpoint in which every matrix is
 * W_aligned + alpha V_k, V_k being the part of V = W_aligned - W_base along its k largest singular values. Vectors (norms,
 * biases), configuration, tokenizer and shards are the aligned model's. One matrix is in memory at a time; the folder
 * appears whole or not at all.
 *
 * @returns each matrix in the order of the checkpoint's names.
 * @throws RegularizerOptionError for options out of range; SafetyDirectionError, before anything is written, when a matrix is
 * not in the base or of another shape there, holds NaN, or when all are equal; what `writeChangedCheckpoint` throws.
 *
 * @example
 * await extrapolateCheckpoint({ base: 'Qwen2.5-0.5B', aligned: 'Qwen2.5-0.5B-Instruct', out: 'hardened' });
 */
export async function extrapolateCheckpoint(options: ExtrapolateOptions): Promise<readonly Extrapolation[]> {
  checkOptions('lox', options, extrapolateOptions);
  const { base, aligned, out, embeddings = true, runtime, dtype, replace, rank, factor } = options;
  for (const [name, folder] of Object.entries({ base, aligned, out }))
    if (!folder) throw new RegularizerOptionError('lox', `${name} is missing: give a folder`);
  const strength = checkStrength({ rank, factor });
  const checkpoint = await openCheckpoint(aligned);
  const layers = matrices(checkpoint, embeddings);
  const directions = await openSafetyDirections({ base, aligned }, layers);
  const norms = await normsOf(layers, directions);
  if (norms.every((norm) => norm === 0)) {
    const message = `it equals ${base} in this and every other matrix; give the checkpoint from before alignment as base`;
    throw new SafetyDirectionError('identical', layers[0]?.name ?? 'every matrix', aligned, message);
  }
  const energies = new Map<string, number>();
  const products = await compileMatrixProducts(runtime);
  try {
    const moved = layers.filter((_, index) => norms[index] !== 0);
    const weights = moved.map((layer) => {
      const make = async () => {
        const before = await readTensor(findTensor(checkpoint, `${layer.name}.weight`));
        const { values, energy } = await extrapolated(
          before,
          await directions.read(layer),
          strength,
          products,
        );
        energies.set(layer.name, energy);
        return values;
      };
      return [`${layer.name}.weight`, make] as const;
    });
    const change = {
      ...(dtype === undefined ? {} : { dtype }),
      ...(replace === undefined ? {} : { replace }),
    };
    await writeChangedCheckpoint(checkpoint, new Map(weights), out, change);
  } finally {
    await products.release();
  }
  return layers.map(({ name }, index) => ({
    name,
    norm: norms[index]!,
    energy: energies.get(name) ?? Number.NaN,
  }));
}

/** Of tied models the embedding is the output layer, and is there once. */
const embeddingName = /(^|\.)(embed_tokens|lm_head)$/;

function matrices({ tensors }: Checkpoint, embeddings: boolean): AdaptedLayer[] {
  return [...tensors.values()]
    .filter(isMatrix)
    .map(({ name, shape }) => ({
      name: name.replace(/\.weight$/, ''),
      outFeatures: shape[0]!,
      inFeatures: shape[1]!,
    }))
    .filter(({ name }) => embeddings || !embeddingName.test(name));
}

function isMatrix({ name, shape }: TensorRegion): boolean {
  return shape.length === 2 && name.endsWith('.weight');
}

/** Reads every matrix of both once, so that what does not fit is known before a file is written. */
async function normsOf(layers: readonly AdaptedLayer[], directions: SafetyDirections): Promise<number[]> {
  const norms: number[] = [];
  for (const layer of layers) norms.push((await directions.read(layer)).norm);
  return norms;
}
