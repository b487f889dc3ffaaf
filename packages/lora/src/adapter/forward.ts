import {
  add,
  addAlong,
  broadcastTo,
  concatenate,
  constant,
  gather,
  hostArray,
  matmul,
  multiply,
  negate,
  reshape,
  subtract,
  type Tensor,
  transpose,
} from '@safetune/tensor';
import type { LoraConfig } from '../config/config.ts';
import { dropInputs } from '../dropout/drop-inputs.ts';
import { AdapterMismatchError } from '../errors.ts';
import { doraColumnFactor, doraLinear } from './dora.ts';
import { baseLinear, type EmbeddingFunction, type LinearFunction, type WeightFunction } from './linear.ts';
import { addLowRankUpdate, type LowRankFactors } from './low-rank-update.ts';
import type { EmbeddingModule, LoraModule } from './module.ts';
import type { AdapterParts, ReplacedWeight, TokenRows } from './parts.ts';
import {
  nameOfA,
  nameOfB,
  nameOfEmbeddingA,
  nameOfEmbeddingB,
  nameOfMagnitude,
  nameOfOriginA,
  nameOfOriginB,
  nameOfTokenRows,
} from './tensor-names.ts';

/** The functions that stand in for a model's own in a forward pass; a `CausalLm` takes them as options. */
export interface LoraForward {
  readonly linear: LinearFunction;
  /** Where the embedding is adapted. */
  readonly embedding?: EmbeddingFunction;
  /** Where biases or norms are trained. */
  readonly weight?: WeightFunction;
}

/** What kind of forward pass an adapter is used in. */
export interface ForwardUse {
  /**
   * In training, where dropout acts: which piece of rows the output layer is applied to, each with a mask of its own. Give
   * the inputs of `dropoutSignature` among the traced tensors. Default: not in training.
   */
  readonly piece?: number;
}

interface Described {
  readonly config: LoraConfig;
  readonly modules: readonly LoraModule[];
  readonly embeddings: readonly EmbeddingModule[];
  readonly replaced: AdapterParts['replaced'];
  readonly tokens: AdapterParts['tokens'];
}

type Traced = Readonly<Record<string, Tensor>>;

/**
 * The functions of an adapter over its traced tensors.
 *
 * @throws AdapterMismatchError when a tensor is not among `traced`, or (while tracing) does not fit its layer.
 */
export function loraForward(adapter: Described, traced: Traced, { piece }: ForwardUse = {}): LoraForward {
  const { embeddings, replaced, tokens } = adapter;
  const ofMatrices = replaced.filter(({ shape }) => shape.length > 1);
  const ofVectors = replaced.filter(({ shape }) => shape.length === 1);
  const drop = (x: Tensor, module: string) =>
    piece === undefined ? x : dropInputs(x, module, adapter.config.lora_dropout, traced, piece);
  return {
    linear: linearFunction(adapter, ofMatrices, traced, drop),
    ...(embeddings.length + tokens.length + ofMatrices.length === 0
      ? {}
      : { embedding: embeddingFunction(adapter, ofMatrices, traced) }),
    ...(ofVectors.length === 0 ? {} : { weight: weightFunction(ofVectors, traced) }),
  };
}

function tracedTensor(traced: Traced, module: string, name: string): Tensor {
  const tensor = traced[name];
  if (tensor !== undefined) return tensor;
  throw new AdapterMismatchError(
    module,
    `no tensor '${name}' was given; declare an input for each of adapter.tensors`,
  );
}

/** Tensors that are not matrices multiply nothing: norms and biases are taken as they are asked for. */
function weightFunction(replaced: readonly ReplacedWeight[], traced: Traced): WeightFunction {
  const own = new Map(
    replaced.map(({ weight, tensor }) => [weight, tracedTensor(traced, weight, tensor)] as const),
  );
  return (name, model) => own.get(name) ?? model(name);
}

function linearFunction(
  { modules, embeddings, tokens }: Described,
  replaced: readonly ReplacedWeight[],
  traced: Traced,
  drop: (x: Tensor, module: string) => Tensor,
): LinearFunction {
  const updates = new Map([
    ...modules.map((module) => [module.name, tracedUpdate(module, traced)] as const),
    ...embeddings.flatMap((module) =>
      module.tied === undefined ? [] : [[module.tied, tiedUpdate(module, traced)] as const],
    ),
  ]);
  const ownWeights = new Map(
    replaced.flatMap(({ weight, tensor, tied }) => {
      const own = tracedTensor(traced, weight, tensor);
      return [[weight, own] as const, ...(tied === undefined ? [] : [[tied, own] as const])];
    }),
  );
  const ownRows = new Map(
    tokens.map((rows) => [
      rows.tied ?? rows.module,
      tracedTensor(traced, rows.module, nameOfTokenRows(rows.module)),
    ]),
  );
  const rowsOf = new Map(tokens.map((rows) => [rows.tied ?? rows.module, rows]));
  const base: LinearFunction = (x, layer, weights) => {
    const weight = ownWeights.get(`${layer.name}.weight`);
    const { bias } = weights;
    const used = weight === undefined ? weights : { weight, ...(bias === undefined ? {} : { bias }) };
    const output = baseLinear(x, layer, used);
    const rows = rowsOf.get(layer.name);
    return rows === undefined
      ? output
      : withTokenColumns(output, x, used.weight, ownRows.get(layer.name)!, rows);
  };
  return (x, layer, weights) => {
    const update = updates.get(layer.name);
    if (update === undefined) return base(x, layer, weights);
    requireFit(layer, update.factors);
    const dropped = drop(x, layer.name);
    const { magnitude, factors } = update;
    return magnitude === undefined
      ? addLowRankUpdate(base(x, layer, weights), dropped, factors)
      : doraLinear({ x, dropped, layer, weights, factors, magnitude, base });
  };
}

interface TracedUpdate {
  readonly factors: LowRankFactors;
  /** DoRA's norms. */
  readonly magnitude: Tensor | undefined;
}

function tracedUpdate({ name, scale, magnitude, origin }: LoraModule, traced: Traced): TracedUpdate {
  const take = (tensor: string) => tracedTensor(traced, name, tensor);
  const [a, b] = [take(nameOfA(name)), take(nameOfB(name))];
  const norms = magnitude === undefined ? undefined : take(nameOfMagnitude(name));
  if (origin === undefined) return { factors: { a, b, scale }, magnitude: norms };
  // B A - B0 A0 as one product of twice the rank.
  const [startA, startB] = [take(nameOfOriginA(name)), take(nameOfOriginB(name))];
  const factors = { a: concatenate([a, startA], 0), b: concatenate([b, negate(startB)], 1), scale };
  return { factors, magnitude: norms };
}

/** (B A)^T adds to a table [vocabulary, hidden] what A^T B^T does: the output layer's factors are these. */
function tiedUpdate({ name, scale }: EmbeddingModule, traced: Traced): TracedUpdate {
  const [a, b] = embeddingFactors(name, traced);
  return { factors: { a: transpose(b), b: transpose(a), scale }, magnitude: undefined };
}

function embeddingFactors(name: string, traced: Traced): readonly [a: Tensor, b: Tensor] {
  return [
    tracedTensor(traced, name, nameOfEmbeddingA(name)),
    tracedTensor(traced, name, nameOfEmbeddingB(name)),
  ];
}

function requireFit(
  layer: { readonly name: string; readonly inFeatures: number; readonly outFeatures: number },
  { a, b }: LowRankFactors,
): void {
  if (a.shape[1] === layer.inFeatures && b.shape[0] === layer.outFeatures) return;
  throw new AdapterMismatchError(
    layer.name,
    `factors A [${a.shape}] and B [${b.shape}] do not fit a layer of ${layer.inFeatures} inputs and ${layer.outFeatures} outputs`,
  );
}

/** What the output layer gives for tokens whose rows are others than the weight's. */
function withTokenColumns(
  output: Tensor,
  x: Tensor,
  weight: Tensor,
  rows: Tensor,
  { tokens }: TokenRows,
): Tensor {
  const places = constant(hostArray(BigInt64Array.from(tokens, BigInt), [tokens.length]));
  const change = matmul(x, subtract(rows, gather(weight, places)), { transposeB: true });
  const row = reshape(places, [...Array.from({ length: output.rank - 1 }, () => 1), tokens.length]);
  return addAlong(output, change, broadcastTo(row, change.shape));
}

function embeddingFunction(
  { embeddings, tokens }: Described,
  replaced: readonly ReplacedWeight[],
  traced: Traced,
): EmbeddingFunction {
  return (tokenIds, layer, table) => {
    const own = replaced.find(({ weight }) => weight === `${layer.name}.weight`);
    const used = own === undefined ? table : tracedTensor(traced, layer.name, own.tensor);
    const plain = gather(used, tokenIds);
    const rows = tokens.find(({ module }) => module === layer.name);
    const output =
      rows === undefined
        ? plain
        : withTokenRows(plain, tokenIds, tracedTensor(traced, layer.name, nameOfTokenRows(layer.name)), {
            tokens: rows.tokens,
            vocabularySize: layer.vocabularySize,
          });
    const module = embeddings.find(({ name }) => name === layer.name);
    if (module === undefined) return output;
    const [a, b] = embeddingFactors(module.name, traced);
    const { scale } = module;
    const updated = add(
      output,
      matmul(gather(transpose(a), tokenIds), b, { transposeB: true, alpha: scale }),
    );
    if (module.magnitude === undefined) return updated;
    const magnitude = tracedTensor(traced, module.name, nameOfMagnitude(module.name));
    return multiply(updated, doraColumnFactor(used, { a, b, scale }, magnitude));
  };
}

/** Rows looked up, some tokens' in another table: a step of one more row, of zeros, for all others. */
function withTokenRows(
  plain: Tensor,
  tokenIds: Tensor,
  rows: Tensor,
  { tokens, vocabularySize }: { readonly tokens: readonly number[]; readonly vocabularySize: number },
): Tensor {
  const none = tokens.length;
  const places = new BigInt64Array(vocabularySize).fill(BigInt(none));
  const isOther = new Float32Array(vocabularySize).fill(1);
  tokens.forEach((token, index) => {
    places[token] = BigInt(index);
    isOther[token] = 0;
  });
  const width = rows.shape[1] as number;
  const zero = constant(hostArray(new Float32Array(width), [1, width]));
  const place = gather(constant(hostArray(places, [vocabularySize])), tokenIds);
  const kept = gather(constant(hostArray(isOther, [vocabularySize])), tokenIds);
  return add(multiply(plain, reshape(kept, [...kept.shape, 1])), gather(concatenate([rows, zero], 0), place));
}
