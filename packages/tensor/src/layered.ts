import { createHash } from 'node:crypto';
import { Executable, type Named, type RunOptions } from './compile.ts';
import { sameShape } from './dimension.ts';
import { CompileError, InputError } from './errors.ts';
import type { HostArray } from './host-array.ts';
import { createExactSession } from './integer-products.ts';
import { lower } from './onnx/lower.ts';
import {
  type InputAttributes,
  input,
  inputOperation,
  type WeightAttributes,
  type WeightRegion,
  weightOperation,
} from './operations/leaf.ts';
import type { RuntimeOptions } from './runtime.ts';
import type { Signature } from './signature.ts';
import { rebuild } from './substitute.ts';
import type { Tensor, TraceNode } from './tensor.ts';
import type { TensorType } from './tensor-type.ts';

export interface CompileLayersOptions extends RuntimeOptions {
  /**
   * What becomes of weights that lie in files: 'fed' (default) makes them inputs of each run, so that layers share a
   * session; 'constant' leaves them in the graph, in place in their files.
   */
  readonly weights?: 'fed' | 'constant';
}

/** A function of a layer: signature in, named outputs out; traces weights and inputs of its own besides. */
export type LayerFunction<Inputs extends Signature> = (
  inputs: Named<keyof Inputs, Tensor>,
) => Readonly<Record<string, Tensor>>;

/** One layer, compiled. */
export interface CompiledLayer {
  /** Weights that are fed at each run, under their regions' names. */
  readonly weights: readonly WeightRegion[];
  /** Inputs that the function uses beyond its signature, by their own names. */
  readonly inputs: readonly string[];
  /** The function's own names of its outputs. */
  readonly outputs: readonly string[];
  /**
   * @param values for the signature, {@link weights} and {@link inputs}; others are ignored, so that one record serves
   * all layers
   * @param options arrays to write `into` by the layer's own names of its outputs; others are ignored likewise
   * @throws InputError when a value is missing or does not fit.
   */
  run(
    values: Readonly<Record<string, HostArray>>,
    options?: RunOptions<string>,
  ): Promise<Readonly<Record<string, HostArray>>>;
}

/** What {@link compileLayers} gives. */
export interface CompiledLayers {
  readonly layers: readonly CompiledLayer[];
  /** Different graphs among the layers: as many sessions there are. */
  readonly sessionCount: number;
  release(): Promise<void>;
}

/**
 * Compiles functions that are alike but for their weights, such as the blocks of a deep network, into as few sessions
 * as there are different graphs. What a function uses beyond its signature (constants made by `weight`, leaves made by
 * `input`) is fed at each run under its own name.
 *
 * @param functions traced once each; their outputs must agree in order, not in name
 * @throws what `compile` throws; CompileError when two different leaves of a function have one name.
 *
 * @example
 * const { layers, release } = await compileLayers(
 *   regions.map((region) => ({ x }) => ({ y: matmul(x, weight(region)) })),
 *   { x: tensorType('float32', ['rows', 64]) },
 * );
 * const { y } = await layers[0].run({ x, [regions[0].name]: await readTensor(regions[0]) });
 */
export async function compileLayers<Inputs extends Signature>(
  functions: readonly LayerFunction<Inputs>[],
  signature: Inputs,
  options: CompileLayersOptions = {},
): Promise<CompiledLayers> {
  const declared = Object.fromEntries(
    Object.entries(signature).map(([name, type]) => [name, input(name, type)]),
  ) as Named<keyof Inputs, Tensor>;
  const executables = new Map<string, Executable>();
  const layers: CompiledLayer[] = [];
  const release = async () => {
    for (const executable of executables.values()) await executable.release();
  };
  try {
    for (const fn of functions) {
      const opened = openLeaves(fn(declared), declared, options.weights ?? 'fed');
      const graph = lower(opened.inputs, opened.outputs);
      const key = createHash('sha256')
        .update(graph.weightsDirectory ?? '')
        .update(graph.model)
        .digest('hex');
      const known =
        executables.get(key) ??
        new Executable(
          await createExactSession(graph, options),
          typesOf(opened.inputs),
          typesOf(opened.outputs),
          {},
        );
      executables.set(key, known);
      layers.push(compiledLayer(known, signature, opened));
    }
  } catch (error) {
    await release();
    throw error;
  }
  return { layers, sessionCount: executables.size, release };
}

/** A layer's graph with canonical names, so that equal layers come out as equal bytes. */
interface OpenedLayer {
  readonly inputs: Readonly<Record<string, Tensor>>;
  readonly outputs: Readonly<Record<string, Tensor>>;
  /** The function's names of its outputs, in order. */
  readonly outputNames: readonly string[];
  readonly leaves: readonly Leaf[];
}

/** An input or a weight that the function made itself. */
interface Leaf {
  readonly name: string;
  readonly region: WeightRegion | undefined;
  /** What stands for it in the session. */
  readonly input: Tensor;
}

const leafInput = (index: number) => `leaf.${index}`;
const outputName = (index: number) => `output.${index}`;

function openLeaves(
  outputs: Readonly<Record<string, Tensor>>,
  declared: Readonly<Record<string, Tensor>>,
  weights: 'fed' | 'constant',
): OpenedLayer {
  const signatureNodes = new Set(Object.values(declared).map(({ node }) => node));
  const leaves = new Map<string, Leaf>();
  const rebuilt = rebuild(Object.values(outputs), (node) => {
    if (signatureNodes.has(node)) return node.outputs;
    const own = ownLeaf(node, weights);
    if (own === undefined) return undefined;
    const { name, region } = own;
    const known = leaves.get(name);
    if (name in declared || (known !== undefined && !sameLeaf(known, region, node.outputs[0]!))) {
      throw new CompileError(`compileLayers: a layer has two different inputs or weights named '${name}'`);
    }
    const leaf = known ?? { name, region, input: input(leafInput(leaves.size), node.outputs[0]!) };
    leaves.set(name, leaf);
    return [leaf.input];
  });
  const open = [...leaves.values()];
  return {
    inputs: { ...declared, ...Object.fromEntries(open.map(({ input }, index) => [leafInput(index), input])) },
    outputs: Object.fromEntries(rebuilt.map((tensor, index) => [outputName(index), tensor])),
    outputNames: Object.keys(outputs),
    leaves: open,
  };
}

function ownLeaf(
  { operation, attributes }: TraceNode,
  weights: 'fed' | 'constant',
): Pick<Leaf, 'name' | 'region'> | undefined {
  if ((operation as unknown) === inputOperation) {
    return { name: (attributes as InputAttributes).name, region: undefined };
  }
  if ((operation as unknown) !== weightOperation || weights === 'constant') return undefined;
  const { region } = attributes as WeightAttributes;
  return { name: region.name, region };
}

function sameLeaf(leaf: Leaf, region: WeightRegion | undefined, type: TensorType): boolean {
  const { dtype, shape } = leaf.input;
  return (
    leaf.region?.file === region?.file &&
    leaf.region?.offset === region?.offset &&
    dtype === type.dtype &&
    sameShape(shape, type.shape)
  );
}

function compiledLayer(executable: Executable, signature: Signature, opened: OpenedLayer): CompiledLayer {
  const { leaves, outputNames } = opened;
  // The name that the session knows, and the layer's own.
  const fed = [
    ...Object.keys(signature).map((name) => [name, name] as const),
    ...leaves.map(({ name }, index) => [leafInput(index), name] as const),
  ];
  return {
    weights: leaves.flatMap(({ region }) => region ?? []),
    inputs: leaves.flatMap(({ name, region }) => (region === undefined ? [name] : [])),
    outputs: outputNames,
    async run(values, { into = {} } = {}) {
      const missing = fed.find(([, name]) => values[name] === undefined);
      if (missing !== undefined) throw new InputError(missing[1], 'is missing');
      const inputs = Object.fromEntries(fed.map(([name, own]) => [name, values[own]!]));
      const targets = outputNames.flatMap((own, index) => {
        const target = into[own];
        return target === undefined ? [] : [[outputName(index), target]];
      });
      const found = await executable.run(inputs, { into: Object.fromEntries(targets) });
      return Object.fromEntries(outputNames.map((own, index) => [own, found[outputName(index)]!]));
    },
  };
}

/** Without the trace behind them. */
function typesOf(tensors: Readonly<Record<string, Tensor>>): Signature {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, { dtype, shape }]) => [name, { dtype, shape }]),
  );
}
