import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import type { HostOutputs } from '../host-arrays/host-outputs.ts';
import type { Offer } from '../host-arrays/penalty-inputs.ts';
import type { SampleModel } from './subject.ts';

/** float32 values of a sample; copies are changed, never the sample. */
export interface SampleArray {
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

/** A random forward pass over a right-padded batch, everything that any penalty may use. */
export interface SampleOutputs extends HostOutputs {
  readonly tokenIds: SampleArray;
  readonly tokenMask: SampleArray;
  readonly tokenResponseMask: SampleArray;
  readonly labels: SampleArray;
  readonly responseMask: SampleArray;
  readonly lossWeight: SampleArray;
  readonly positionInResponse: SampleArray;
  readonly exampleOfRow: SampleArray;
  readonly logits: SampleArray;
  readonly referenceLogits: SampleArray;
  readonly hiddenStates: ReadonlyMap<number, SampleArray>;
  readonly referenceHiddenStates: ReadonlyMap<number, SampleArray>;
  readonly tagged: Readonly<Record<string, SampleArray>>;
}

/** Uniform numbers in [-1, 1) that are a pure function of the seed. */
export function randomNumbers(seed: number): () => number {
  const generator = xoroshiro128plus(seed);
  return () => 2 * uniformFloat64(generator) - 1;
}

const lengths = [6, 3, 5];
const width = 6;
/** The first tokens of each example are its prompt. */
const promptLength = 2;

/**
 * Three examples of different lengths. Rows are all positions that predict a token; about two thirds predict one of a
 * response. The first and the last example carry every tag.
 */
export function sampleOutputs(offer: Offer, model: SampleModel, seed = 1): SampleOutputs {
  const random = randomNumbers(seed);
  const batch = lengths.length;
  const filled = (shape: readonly number[], value: (index: number) => number): SampleArray => ({
    data: Float32Array.from({ length: shape.reduce((size, extent) => size * extent, 1) }, (_, index) =>
      value(index),
    ),
    shape,
  });
  const near = ({ data, shape }: SampleArray) => filled(shape, (index) => data[index]! + random());
  const perToken = (value: (example: number, token: number) => number) =>
    filled([batch, width], (index) => value(Math.floor(index / width), index % width));

  const tokenIds = perToken(() => Math.floor(((random() + 1) / 2) * model.vocabularySize));
  const rows = lengths.flatMap((length, example) =>
    Array.from({ length: length - 1 }, (_, position) => ({ example, token: position + 1 })),
  );
  const perRow = (value: (row: { example: number; token: number }) => number) =>
    filled([rows.length], (index) => value(rows[index]!));
  const logits = filled([rows.length, model.vocabularySize], () => 2 * random());
  const layers = [...new Set([...offer.hiddenStates, ...offer.referenceHiddenStates])];
  const states = new Map(
    layers.map((layer) => [layer, filled([batch, width, model.hiddenSize], () => 2 * random())]),
  );
  const referenceStates = new Map([...states].map(([layer, array]) => [layer, near(array)]));
  return {
    tokenIds,
    tokenMask: perToken((example, token) => (token < lengths[example]! ? 1 : 0)),
    tokenResponseMask: perToken((example, token) =>
      token >= promptLength && token < lengths[example]! ? 1 : 0,
    ),
    labels: perRow(({ example, token }) => tokenIds.data[example * width + token]!),
    responseMask: perRow(({ token }) => (token >= promptLength ? 1 : 0)),
    lossWeight: perRow(({ example, token }) => (token >= promptLength ? 1 / (1 + example) : 0)),
    positionInResponse: perRow(({ token }) => Math.max(0, token - promptLength + 1)),
    exampleOfRow: perRow(({ example }) => example),
    logits,
    referenceLogits: near(logits),
    hiddenStates: new Map(offer.hiddenStates.map((layer) => [layer, states.get(layer)!])),
    referenceHiddenStates: new Map(
      offer.referenceHiddenStates.map((layer) => [layer, referenceStates.get(layer)!]),
    ),
    tagged: Object.fromEntries(
      offer.tags.map((tag) => [tag, filled([batch], (example) => (example === 1 ? 0 : 1))]),
    ),
  };
}

/** The sample with the model in training equal to its reference. */
export function atReference(outputs: SampleOutputs): SampleOutputs {
  const { referenceLogits, referenceHiddenStates } = outputs;
  return {
    ...outputs,
    logits: referenceLogits,
    hiddenStates: new Map(
      [...outputs.hiddenStates].map(([layer, array]) => [layer, referenceHiddenStates.get(layer) ?? array]),
    ),
  };
}

/** The sample with every value of logits and states replaced. */
export function withValues(
  outputs: SampleOutputs,
  value: (old: number, index: number) => number,
): SampleOutputs {
  const replace = ({ data, shape }: SampleArray): SampleArray => ({ data: data.map(value), shape });
  const replaceAll = (states: ReadonlyMap<number, SampleArray>) =>
    new Map([...states].map(([layer, array]) => [layer, replace(array)]));
  return {
    ...outputs,
    logits: replace(outputs.logits),
    referenceLogits: replace(outputs.referenceLogits),
    hiddenStates: replaceAll(outputs.hiddenStates),
    referenceHiddenStates: replaceAll(outputs.referenceHiddenStates),
  };
}

/** The sample with other values wherever a mask over the leading axes is 0. */
export function withGarbage(
  array: SampleArray,
  mask: SampleArray,
  garbage: (index: number) => number,
): SampleArray {
  const inner = array.data.length / mask.data.length;
  return {
    data: array.data.map((value, index) =>
      mask.data[Math.floor(index / inner)] === 0 ? garbage(index) : value,
    ),
    shape: array.shape,
  };
}

/** A [batch, seq, ...] array with `columns` more positions on the right. */
export function widened(
  { data, shape }: SampleArray,
  columns: number,
  fill: (index: number) => number,
): SampleArray {
  const [examples, positions, ...rest] = shape as [number, number, ...number[]];
  const inner = rest.reduce((size, extent) => size * extent, 1);
  const target = positions + columns;
  const wide = new Float32Array(examples * target * inner);
  for (let index = 0; index < wide.length; index++) {
    const [example, within] = [Math.floor(index / (target * inner)), index % (target * inner)];
    wide[index] = within < positions * inner ? data[example * positions * inner + within]! : fill(index);
  }
  return { data: wide, shape: [examples, target, ...rest] };
}
