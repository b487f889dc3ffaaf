import type { AdamWOptions, ParameterGroup } from './adamw.ts';
import { OptimizerOptionError } from './errors.ts';

/**
 * What transformers' Trainer leaves out of weight decay, by name (`get_decay_parameter_names`): biases and norms. DoRA's
 * magnitudes are not among them.
 */
const withoutDecay = /bias|layernorm|rmsnorm|(^|\.)norm($|\.)|_norm($|\.)/;

/** Rate of adapted embeddings under LoRA+: peft's `loraplus_lr_embedding`. */
const embeddingRate = 1e-6;

/** A view of the flat buffer: a `HostArray` is one. */
interface ParameterView {
  /** The buffer, or a part of it. */
  readonly data: unknown;
  /** Elements of `data` before the view's first. */
  readonly offset: number;
  readonly size: number;
  readonly shape: readonly number[];
}

/** What is trained: a `Trainable` of the trainer package is one. */
export interface FlatParameters {
  /** All values, one behind the other. */
  readonly parameters: Float32Array;
  /** Views of these by name, in their order: PEFT's names for an adapter's. */
  readonly tensors: Readonly<Record<string, ParameterView>>;
  /** The adapter that they belong to; missing where all weights are trained. */
  readonly adapter?: object | undefined;
}

/**
 * Groups of the trained values, in their order: without decay for norms and biases, as transformers' Trainer has them, and with
 * LoRA+ (Hayou et al. 2024) at the rates of peft's `create_loraplus_optimizer`: factors B and vectors at `loraPlusRatio` times the
 * rate, adapted embeddings at 1e-6.
 *
 * @param peak the highest learning rate
 * @throws OptimizerOptionError for LoRA+ without an adapter.
 */
export function parameterGroups(
  { tensors, parameters, adapter }: FlatParameters,
  { weightDecay = 0.01, decayAll = false, loraPlusRatio }: AdamWOptions,
  peak: number,
): ParameterGroup[] {
  if (loraPlusRatio !== undefined && adapter === undefined)
    throw new OptimizerOptionError('loraPlusRatio', 'is for adapters, but all weights are trained');
  const factorOf = (name: string, rank: number) => {
    if (loraPlusRatio === undefined) return 1;
    if (name.includes('.lora_embedding_')) return peak === 0 ? 0 : embeddingRate / peak;
    return name.includes('.lora_B.') || rank === 1 ? loraPlusRatio : 1;
  };
  const groups: ParameterGroup[] = [];
  for (const [name, { data, offset, size, shape }] of Object.entries(tensors)) {
    const values = data as Float32Array;
    const start = (values.byteOffset - parameters.byteOffset) / values.BYTES_PER_ELEMENT + offset;
    const group = {
      start,
      end: start + size,
      weightDecay: !decayAll && withoutDecay.test(name.toLowerCase()) ? 0 : weightDecay,
      rateFactor: factorOf(name, shape.length),
    };
    const last = groups.at(-1);
    const joins =
      last?.end === start && last.weightDecay === group.weightDecay && last.rateFactor === group.rateFactor;
    if (joins) groups[groups.length - 1] = { ...last, end: group.end };
    else groups.push(group);
  }
  return groups;
}
