import type { Repetitions } from './lines.ts';

export interface PerceptronSettings extends Repetitions {
  readonly batch: number;
  /** Widths of input, hidden layer and output. */
  readonly widths: readonly [number, number, number];
}

export const learningRate = 0.1;

interface Values {
  readonly values: Float32Array<ArrayBuffer>;
  readonly shape: readonly number[];
}

/** The same inputs and first parameters for every library. */
export function perceptronData({ batch, widths: [inputs, hidden, classes] }: PerceptronSettings): {
  images: Values;
  labels: Int32Array<ArrayBuffer>;
  parameters: Readonly<Record<'w1' | 'b1' | 'w2' | 'b2', Values>>;
} {
  return {
    images: waves([batch, inputs], 1, 1.1),
    labels: Int32Array.from({ length: batch }, (_, index) => (index * 7) % classes),
    parameters: {
      w1: waves([inputs, hidden], inputs ** -0.5, 1.7),
      b1: waves([hidden], 0, 1),
      w2: waves([hidden, classes], hidden ** -0.5, 2.3),
      b2: waves([classes], 0, 1),
    },
  };
}

function waves(shape: readonly number[], amplitude: number, frequency: number): Values {
  const length = shape.reduce((product, extent) => product * extent, 1);
  return {
    values: Float32Array.from({ length }, (_, index) => amplitude * Math.sin(frequency * index)),
    shape,
  };
}
