import {
  compile,
  gradients,
  type HostArray,
  input,
  type NamedTensors,
  type RuntimeOptions,
  type Tensor,
  type TensorType,
} from '@safetune/tensor';
import { PenaltyInputError, RegularizerOptionError } from '../errors.ts';
import { inputsBehind, type Offer, stateInput } from './penalty-inputs.ts';

/** Gradients with respect to what the model in training gave. */
export interface TermGradients {
  /** [rows, vocabulary]; absent when the logits are not used. */
  readonly logits?: HostArray;
  /** [batch, seq, hidden] by layer; only the layers that are used. */
  readonly hiddenStates: ReadonlyMap<number, HostArray>;
}

/** A scalar of a forward pass on plain arrays, ready to be computed many times. */
export interface CompiledTerm {
  /** Types of the inputs it really takes, by name. */
  readonly types: Readonly<Record<string, TensorType>>;
  run(inputs: Readonly<Record<string, HostArray>>): Promise<TermValues>;
  release(): Promise<void>;
}

/** What one run of a term gives. */
export interface TermValues {
  /** What the trace shows besides the scalar that is differentiated. */
  readonly shown: Readonly<Record<string, HostArray>>;
  readonly value: number;
  readonly gradients: TermGradients;
}

/** A term's trace: the scalar that is differentiated, and what is shown besides. */
export interface TracedTerm {
  readonly value: Tensor;
  readonly shown: NamedTensors;
}

/**
 * Compiles a term of the loss, and its gradient.
 *
 * @param types of all inputs that there may be; those that the trace does not use are not asked for.
 * @throws RegularizerOptionError when it depends on nothing of the model in training; GradientError when no gradient reaches that.
 */
export async function compileTerm(
  { name, what, offer }: { readonly name: string; readonly what: string; readonly offer: Offer },
  types: Readonly<Record<string, TensorType>>,
  trace: (inputs: NamedTensors) => TracedTerm,
  runtime: RuntimeOptions,
): Promise<CompiledTerm> {
  const probes = new Map(Object.entries(types).map(([key, type]) => [key, input(key, type)]));
  const traced = trace(Object.fromEntries(probes));
  const all = [traced.value, ...Object.values(traced.shown)];
  const isUsed = new Set(all.flatMap((tensor) => inputsBehind(tensor, probes)));
  const used = Object.fromEntries(Object.entries(types).filter(([key]) => isUsed.has(key)));
  const behindValue = new Set(inputsBehind(traced.value, probes));
  const trained = ['logits', ...offer.hiddenStates.map((layer) => stateInput('hiddenStates', layer))].filter(
    (key) => behindValue.has(key),
  );
  if (trained.length === 0) {
    throw new RegularizerOptionError(
      name,
      `its ${what} does not depend on the logits or hidden states of the model in training`,
    );
  }
  const executable = await compile(
    (inputs: NamedTensors) => {
      const { value, shown } = trace(inputs);
      const found = gradients(
        value,
        trained.map((key) => inputs[key]!),
      );
      return {
        value,
        ...Object.fromEntries(Object.entries(shown).map(([key, tensor]) => [shownOf(key), tensor])),
        ...Object.fromEntries(found.map((gradient, index) => [gradientOf(trained[index]!), gradient])),
      } as Record<string, Tensor>;
    },
    used,
    runtime,
  );
  return {
    types: used,
    async run(inputs) {
      const results = await executable.run(inputs);
      const value = Number(results.value!.data[0]);
      if (!Number.isFinite(value)) {
        throw new PenaltyInputError(
          name,
          trained.join(', '),
          `gave the ${what} ${value}: is every value finite?`,
        );
      }
      return {
        value,
        shown: Object.fromEntries(Object.keys(traced.shown).map((key) => [key, results[shownOf(key)]!])),
        gradients: namedGradients(results, trained, offer),
      };
    },
    release: () => executable.release(),
  };
}

const gradientOf = (name: string) => `gradient.${name}`;
const shownOf = (name: string) => `shown.${name}`;

function namedGradients(
  results: Readonly<Record<string, HostArray>>,
  trained: readonly string[],
  offer: Offer,
): TermGradients {
  const layers = offer.hiddenStates.filter((layer) => trained.includes(stateInput('hiddenStates', layer)));
  return {
    ...(trained.includes('logits') ? { logits: results[gradientOf('logits')]! } : {}),
    hiddenStates: new Map(
      layers.map((layer) => [layer, results[gradientOf(stateInput('hiddenStates', layer))]!]),
    ),
  };
}
