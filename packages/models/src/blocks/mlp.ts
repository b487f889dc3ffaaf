import { split } from '@safetune/tensor';
import type { LinearPlace } from '../linear.ts';
import { type Activation, activate, gated } from './activations.ts';
import type { Module } from './module.ts';

/** Linear layers of {@link gatedMlp}. */
export interface GatedMlpOptions {
  readonly gate: LinearPlace;
  readonly up: LinearPlace;
  readonly down: LinearPlace;
  readonly activation: Activation;
}

/** down(activation(gate(x)) up(x)) (Shazeer 2020); x and the result are [batch, seq, hidden]. */
export function gatedMlp({ gate, up, down, activation }: GatedMlpOptions): Module {
  return {
    tensors: [],
    linears: [gate, up, down],
    trace: (x, { linear }) => linear(gated(activation, linear(x, gate), linear(x, up)), down),
  };
}

/** Linear layers of {@link fusedGatedMlp}. */
export interface FusedGatedMlpOptions {
  /** Its first half of features is the gate, its second half goes up. */
  readonly gateUp: LinearPlace;
  readonly down: LinearPlace;
  readonly activation: Activation;
}

/** As {@link gatedMlp}, with one linear layer for gate and up. */
export function fusedGatedMlp({ gateUp, down, activation }: FusedGatedMlpOptions): Module {
  const half = gateUp.outFeatures / 2;
  return {
    tensors: [],
    linears: [gateUp, down],
    trace(x, { linear }) {
      const [gate, up] = split(linear(x, gateUp), -1, [half, half]);
      return linear(gated(activation, gate!, up!), down);
    },
  };
}

/** Linear layers of {@link plainMlp}. */
export interface PlainMlpOptions {
  readonly up: LinearPlace;
  readonly down: LinearPlace;
  readonly activation: Activation;
}

/** down(activation(up(x))); x and the result are [batch, seq, hidden]. */
export function plainMlp({ up, down, activation }: PlainMlpOptions): Module {
  return {
    tensors: [],
    linears: [up, down],
    trace: (x, { linear }) => linear(activate(activation, linear(x, up)), down),
  };
}
