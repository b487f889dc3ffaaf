import type { CompiledLayer, HostArray } from '@safetune/tensor';
import { addInto, type HostBuffers } from './layered-buffers.ts';
import { headNames } from './layered-head.ts';
import type { LayeredNetwork } from './layered-network.ts';
import type { BlockWeights } from './layered-weights.ts';

type Values = Readonly<Record<string, HostArray>>;

export interface LayeredRun {
  readonly network: LayeredNetwork;
  readonly weights: BlockWeights;
  /** Those of references that have weights of their own, by their names. */
  readonly referenceWeights: ReadonlyMap<string, BlockWeights>;
  readonly buffers: HostBuffers;
  /** Trained values by name, and what is fed beside them. */
  readonly tensors: Values;
  /** What references are fed. */
  readonly referenceTensors: Values;
  /** Where the gradients of trained values go, by output name. */
  readonly gradients: Values;
}

/**
 * One step: up through the blocks, through the head, and down again. Writes the gradients.
 *
 * @param inputs what a batch and the weights of the loss terms give the whole step
 * @param shape of the residual stream: batch, length, hidden; packed: 1, tokens, hidden
 * @returns the head's outputs: the loss terms
 */
export async function runLayers(run: LayeredRun, inputs: Values, shape: readonly number[]): Promise<Values> {
  const { network } = run;
  const compute = gradientCollector(run);
  const up = await runForward(run, compute, inputs, shape);
  const named = (
    layers: readonly number[],
    nameOf: (layer: number) => string,
    values: readonly HostArray[],
  ) => Object.fromEntries(layers.map((layer) => [nameOf(layer), values[layer]!]));
  const take = (name: string) => run.buffers.array(name, shape);
  const gradient = take('gradient');
  const hiddenGradients = new Map(
    network.hiddenLayers.map((layer) => [layer, take(`hidden gradient ${layer}`)]),
  );
  const terms = await compute(
    network.head,
    {
      ...inputs,
      ...run.tensors,
      state: up.states.at(-1)!,
      ...named(network.hiddenLayers, headNames.hidden, up.states),
      ...referenceStates(network, up.references),
    },
    {
      stateGradient: gradient,
      ...Object.fromEntries(
        [...hiddenGradients].map(([layer, values]) => [headNames.hiddenGradient(layer), values]),
      ),
    },
  );
  await runBackward(run, compute, inputs, up, gradient, hiddenGradients);
  return terms;
}

/**
 * The forward pass alone, of the model without edits.
 *
 * @param withReference whether the head compares with the model without the trained values, as objectives over pairs do
 * @returns the head's outputs: the loss
 */
export async function evaluateLayers(
  { network, weights, buffers, tensors }: LayeredRun,
  inputs: Values,
  shape: readonly number[],
  withReference: boolean,
): Promise<Values> {
  const { embed, blocks } = network;
  const base = withReference ? network.references[0]! : undefined;
  const take = (name: string) => buffers.array(name, shape);
  let [state, next] = [take('state 0'), take('state 1')];
  await embed.run({ ...inputs, ...tensors }, { into: { state } });
  let reference = state;
  if (base?.embed !== undefined) {
    reference = take('reference 0 0');
    await base.embed.run(inputs, { into: { state: reference } });
  }
  for (const [index, block] of blocks.entries()) {
    const loaded = await weights.load(index, index + 1 < blocks.length ? index + 1 : undefined);
    await block.run({ ...inputs, ...loaded, ...tensors, state }, { into: { next } });
    if (base !== undefined) {
      const after = take(`reference 0 ${index % 2 ? 'even' : 'odd'}`);
      await base.blocks[index]!.run({ ...inputs, ...loaded, state: reference }, { into: { next: after } });
      reference = after;
    }
    [state, next] = [next, state];
  }
  const head = await network.evaluationHead();
  const ofReference = withReference ? { [headNames.referenceHidden(0, blocks.length)]: reference } : {};
  return head.run({ ...inputs, ...tensors, state, ...ofReference });
}

/** The states of references that the head takes, by its names. */
function referenceStates({ references }: LayeredNetwork, states: Forward['references']): Values {
  const named = references.flatMap(({ layers }, index) =>
    layers.map((layer) => [headNames.referenceHidden(index, layer), states[index]![layer]!] as const),
  );
  return Object.fromEntries(named);
}

/** The residual stream by layer. */
interface Forward {
  /** As blocks leave it. */
  readonly unedited: readonly HostArray[];
  /** As the next block gets it. */
  readonly states: readonly HostArray[];
  /** Of each reference; only the layers that the head takes are still what they were. */
  readonly references: readonly (readonly HostArray[])[];
}

async function runForward(
  { network, weights, referenceWeights, buffers, tensors, referenceTensors }: LayeredRun,
  compute: Compute,
  inputs: Values,
  shape: readonly number[],
): Promise<Forward> {
  const { blocks } = network;
  const take = (name: string) => buffers.array(name, shape);
  const unedited: HostArray[] = [];
  const states: HostArray[] = [];
  const references: HostArray[][] = network.references.map(() => []);
  const enter = async (layer: number) => {
    const edit = network.edits.get(layer)?.edit;
    states[layer] = edit === undefined ? unedited[layer]! : take(`edited ${layer}`);
    if (edit !== undefined)
      await compute(edit, { ...inputs, state: unedited[layer]! }, { edited: states[layer] });
  };
  unedited[0] = take('state 0');
  await compute(network.embed, { ...inputs, ...tensors }, { state: unedited[0] });
  for (const [index, { embed }] of network.references.entries()) {
    const state = embed === undefined ? unedited[0] : take(`reference ${index} 0`);
    references[index]![0] = state;
    // Trained values of all weights have the names of the reference's own.
    if (embed !== undefined) await compute(embed, { ...inputs, ...referenceTensors }, { state });
  }
  await enter(0);
  for (let layer = 1; layer <= blocks.length; layer++) {
    const loaded = await weights.load(layer - 1, layer < blocks.length ? layer : undefined);
    unedited[layer] = take(`state ${layer}`);
    await compute(
      blocks[layer - 1]!,
      { ...inputs, ...loaded, ...tensors, state: states[layer - 1]! },
      { next: unedited[layer]! },
    );
    for (const [index, { reference, blocks, layers }] of network.references.entries()) {
      const block = blocks[layer - 1];
      if (block === undefined) continue;
      const states = references[index]!;
      states[layer] = take(
        `reference ${index} ${layers.includes(layer) ? layer : layer % 2 ? 'odd' : 'even'}`,
      );
      const own = await referenceWeights
        .get(reference.name)
        ?.load(layer - 1, layer < blocks.length ? layer : undefined);
      await compute(
        block,
        { ...inputs, ...(own ?? loaded), ...referenceTensors, state: states[layer - 1]! },
        { next: states[layer]! },
      );
    }
    await enter(layer);
  }
  return { unedited, states, references };
}

/** @param gradient with respect to the last state; overwritten */
async function runBackward(
  { network, weights, buffers, tensors }: LayeredRun,
  compute: Compute,
  inputs: Values,
  { unedited, states }: Forward,
  gradient: HostArray,
  hiddenGradients: ReadonlyMap<number, HostArray>,
): Promise<void> {
  const { blockGradients, embedGradient, edits } = network;
  let arrived = gradient;
  // An array cannot be read and written by one run: gradients go to and fro between two.
  let other = buffers.array('other gradient', gradient.shape);
  const pass = async (part: CompiledLayer, values: Values) => {
    await compute(part, { ...values, gradient: arrived }, { stateGradient: other });
    [arrived, other] = [other, arrived];
  };
  const leave = async (layer: number) => {
    const ofPenalties = hiddenGradients.get(layer);
    if (ofPenalties !== undefined) addInto(arrived, ofPenalties);
    const edit = edits.get(layer)?.editGradient;
    if (edit !== undefined) await pass(edit, { ...inputs, state: unedited[layer]! });
  };
  for (let layer = blockGradients.length; layer > 0; layer--) {
    const part = blockGradients[layer - 1];
    if (part === undefined) return;
    await leave(layer);
    const loaded = await weights.load(layer - 1, layer > 1 ? layer - 2 : undefined);
    await pass(part, { ...inputs, ...loaded, ...tensors, state: states[layer - 1]! });
  }
  if (embedGradient === undefined) return;
  await leave(0);
  await compute(embedGradient, { ...inputs, ...tensors, gradient: arrived }, {});
}

type Compute = (part: CompiledLayer, values: Values, into: Values) => Promise<Values>;

/**
 * Runs parts of one step so that their gradients of trained tensors end in the step's buffer: the first writes, later
 * ones (of a tensor with several uses, such as a tied embedding) add.
 */
function gradientCollector({ gradients, buffers }: LayeredRun): Compute {
  const written = new Set<string>();
  return async (part, values, into) => {
    const targets: Record<string, HostArray> = { ...into };
    const added: string[] = [];
    for (const name of part.outputs) {
      const view = gradients[name];
      if (view === undefined) continue;
      if (written.has(name)) added.push(name);
      targets[name] = written.has(name) ? buffers.array(name, view.shape) : view;
      written.add(name);
    }
    const found = await part.run(values, { into: targets });
    for (const name of added) addInto(gradients[name]!, found[name]!);
    return found;
  };
}
