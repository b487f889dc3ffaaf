import { bytesPerElement } from '@safetune/tensor';
import type { LoraAdapter } from '../adapter/adapter.ts';
import type { AdaptableModel } from '../adapter/model.ts';

/** How much of a model with an adapter is trained. */
export interface ParameterReport {
  /** Trained values. */
  readonly trainable: number;
  /** Of these: the factors of updates. */
  readonly factors: number;
  /** Norms of DoRA. */
  readonly magnitudes: number;
  /** Whole tensors, biases among them. */
  readonly replaced: number;
  /** Rows of tokens. */
  readonly tokens: number;
  /** Values of the model and of the adapter. */
  readonly all: number;
  /** `trainable` in hundredths of `all`. */
  readonly percent: number;
}

/** Counts what is trained, as PEFT's `get_nb_trainable_parameters` does: the adapter's values count among all. */
export function parameterReport(
  adapter: Pick<LoraAdapter, 'modules' | 'embeddings' | 'replaced' | 'tokens' | 'parameters'>,
  { weights }: Pick<AdaptableModel, 'weights'>,
): ParameterReport {
  const { modules, embeddings, replaced, tokens, parameters } = adapter;
  const sum = <Item>(items: readonly Item[], count: (item: Item) => number) =>
    items.reduce((total, item) => total + count(item), 0);
  const ofModel = sum([...weights], ([name, { byteLength, dtype }]) =>
    isPart(name) ? 0 : byteLength / bytesPerElement(dtype),
  );
  const all = ofModel + parameters.length;
  return {
    trainable: parameters.length,
    factors: sum([...modules, ...embeddings], ({ a, b }) => a.size + b.size),
    magnitudes: sum([...modules, ...embeddings], ({ magnitude }) => magnitude?.size ?? 0),
    replaced: sum(replaced, ({ values }) => values.size),
    tokens: sum(tokens, ({ values }) => values.size),
    all,
    percent: (100 * parameters.length) / all,
  };
}

/** What a matrix in 8 bits has besides its values. */
function isPart(name: string): boolean {
  return name.endsWith('.weight.scale') || name.endsWith('.weight.residual');
}

/** PEFT's line: `trainable params: 1,024 || all params: 134,516,160 || trainable%: 0.0008`. */
export function parameterText({ trainable, all, percent }: ParameterReport): string {
  const number = (value: number) => value.toLocaleString('en');
  return `trainable params: ${number(trainable)} || all params: ${number(all)} || trainable%: ${percent.toFixed(4)}`;
}
