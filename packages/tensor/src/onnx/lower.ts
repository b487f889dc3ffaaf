import { realpathSync, statSync } from 'node:fs';
import { dirname, relative, sep } from 'node:path';
import { describeShape, sameShape } from '../dimension.ts';
import { CompileError } from '../errors.ts';
import { ancestors } from '../grad.ts';
import type { MappedFile } from '../mapped-file.ts';
import { readInputs } from '../operation.ts';
import {
  type ConstantAttributes,
  constantOperation,
  type InputAttributes,
  inputOperation,
  type WeightAttributes,
  type WeightRegion,
  weightOperation,
} from '../operations/leaf.ts';
import type { Tensor, TraceNode } from '../tensor.ts';
import type { TensorType } from '../tensor-type.ts';
import { GraphWriter, type ProductForms } from './graph-writer.ts';
import {
  encodeModel,
  type OnnxGraph,
  type OnnxInitializer,
  type OnnxNode,
  type OnnxValue,
} from './schema.ts';

/** A traced function as ONNX model bytes, and the folder its external weights lie in. */
export interface LoweredGraph {
  readonly model: Uint8Array;
  /** Folder that the locations of external weights are relative to; undefined when there are none. */
  readonly weightsDirectory: string | undefined;
  /** Types of the 8-bit matrices that it multiplies with. */
  readonly integerTypes: ReadonlySet<'int8' | 'uint8'>;
  /** The files of external weights. */
  readonly weightFiles: readonly MappedFile[];
}

/**
 * Lowers the graph behind `outputs` to ONNX. `inputs` are the declared inputs by name.
 *
 * @throws CompileError for an input that is not declared, or weights whose file is missing.
 */
export function lower(
  inputs: Readonly<Record<string, TensorType>>,
  outputs: Readonly<Record<string, Tensor>>,
  options: ProductForms = {},
): LoweredGraph {
  const nodes = nodesBehind(outputs);
  const weights = externalWeights(nodes);
  const contentOf = (region: WeightRegion): OnnxInitializer['content'] => {
    // ONNX Runtime reads a length of 0 as 'to the end of the file'.
    if (region.byteLength === 0) return { bytes: new Uint8Array() };
    const location = relative(weights.directory!, weights.realPaths.get(region.file)!);
    return { location, offset: region.offset, byteLength: region.byteLength };
  };
  const { graph, integerTypes } = lowerNodes(nodes, inputs, outputs, contentOf, options);
  return {
    model: encodeModel(graph),
    weightsDirectory: weights.directory,
    integerTypes,
    weightFiles: weights.files,
  };
}

/** The nodes behind `outputs`, each after those that it reads. */
export function nodesBehind(outputs: Readonly<Record<string, Tensor>>): readonly TraceNode[] {
  return ancestors(
    Object.values(outputs).map((tensor) => tensor.node),
    readInputs,
  );
}

/**
 * The ONNX graph of the nodes behind `outputs`.
 *
 * @param contentOf says where the bytes of a weight are to be found.
 */
export function lowerNodes(
  nodes: readonly TraceNode[],
  inputs: Readonly<Record<string, TensorType>>,
  outputs: Readonly<Record<string, Tensor>>,
  contentOf: (region: WeightRegion) => OnnxInitializer['content'],
  options: ProductForms = {},
): { readonly graph: OnnxGraph; readonly integerTypes: ReadonlySet<'int8' | 'uint8'> } {
  const graph = new GraphWriter(inputs, Object.keys(outputs), options);
  const names = nameOutputs(outputs, inputs);

  for (const node of nodes) {
    if (isLeaf(node, inputOperation)) {
      names.set(node.outputs[0]!, declaredInput(node, inputs));
    } else if (isLeaf(node, constantOperation) || isLeaf(node, weightOperation)) {
      const name = graph.freshName(node.operation.name);
      names.set(node.outputs[0]!, name);
      graph.initializers.push(initializer(name, node, contentOf));
    } else {
      lowerNode(node, names, graph);
    }
  }
  const declared = Object.entries(outputs).map(([name, tensor]): OnnxValue => {
    const internal = names.get(tensor)!;
    // A leaf cannot be an output itself, nor can one value be two outputs.
    if (internal !== name) graph.node('Identity', [internal], [name]);
    return { name, dtype: tensor.dtype, shape: tensor.shape };
  });
  const needed = neededNodes(graph.nodes, Object.keys(outputs));
  const read = new Set(needed.flatMap((node) => node.inputs));
  return {
    graph: {
      nodes: needed,
      initializers: graph.initializers.filter(({ name }) => read.has(name)),
      inputs: Object.entries(inputs).map(([name, type]) => ({ name, dtype: type.dtype, shape: type.shape })),
      outputs: declared,
    },
    integerTypes: graph.integerTypes,
  };
}

/**
 * The nodes that some output needs. Of an operation whose one result is read and whose other is not (the probabilities of a loss
 * that is computed again), the rest would run as well, at a time that the runtime chooses: it held the large values that it reads.
 */
function neededNodes(nodes: readonly OnnxNode[], outputs: readonly string[]): readonly OnnxNode[] {
  const wanted = new Set(outputs);
  const needed: OnnxNode[] = [];
  for (const node of nodes.toReversed()) {
    if (!node.outputs.some((name) => wanted.has(name))) continue;
    for (const name of node.inputs) wanted.add(name);
    needed.push(node);
  }
  return needed.reverse();
}

/** The name under which the signature declares an input node. */
function declaredInput(node: TraceNode, inputs: Readonly<Record<string, TensorType>>): string {
  const { name, type } = node.attributes as InputAttributes;
  const declared = inputs[name];
  if (declared === undefined) {
    throw new CompileError(`the function uses an input '${name}' that is not in its signature`);
  }
  if (declared.dtype !== type.dtype || !sameShape(declared.shape, type.shape)) {
    throw new CompileError(
      `the function uses an input '${name}' of ${type.dtype}${describeShape(type.shape)}, its signature declares ` +
        `${declared.dtype}${describeShape(declared.shape)}; was it traced for another function?`,
    );
  }
  return name;
}

function isLeaf(node: TraceNode, operation: unknown): boolean {
  return node.operation === operation;
}

/** Output tensors that a node computes get the output's own name: no copy is needed. */
function nameOutputs(
  outputs: Readonly<Record<string, Tensor>>,
  inputs: Readonly<Record<string, TensorType>>,
): Map<Tensor, string> {
  const names = new Map<Tensor, string>();
  for (const [name, tensor] of Object.entries(outputs)) {
    const isInput = isLeaf(tensor.node, inputOperation);
    if (name in inputs && !(isInput && (tensor.node.attributes as InputAttributes).name === name)) {
      throw new CompileError(`output '${name}' has the name of an input: give it another`);
    }
    const computed =
      !isInput && !isLeaf(tensor.node, constantOperation) && !isLeaf(tensor.node, weightOperation);
    if (computed && !names.has(tensor)) names.set(tensor, name);
  }
  return names;
}

function lowerNode(node: TraceNode, names: Map<Tensor, string>, graph: GraphWriter): void {
  for (const output of node.outputs) {
    if (!names.has(output)) names.set(output, graph.freshName(node.operation.name));
  }
  node.operation.lower({
    // Inputs that are not read have no name.
    inputs: node.inputs.map((tensor) => names.get(tensor)!),
    outputs: node.outputs.map((tensor) => names.get(tensor)!),
    inputTypes: node.inputs,
    outputTypes: node.outputs,
    attributes: node.attributes as never,
    graph,
  });
}

interface ExternalWeights {
  readonly directory: string | undefined;
  /** Real path by the path the region names. */
  readonly realPaths: ReadonlyMap<string, string>;
  readonly files: readonly MappedFile[];
}

/** ONNX Runtime takes one folder for all external files and refuses links out of it: resolve, then find the common one. */
function externalWeights(nodes: readonly TraceNode[]): ExternalWeights {
  const realPaths = new Map<string, string>();
  const files = new Map<string, MappedFile>();
  for (const node of nodes) {
    if (!isLeaf(node, weightOperation)) continue;
    const { region } = node.attributes as unknown as WeightAttributes;
    let file = files.get(region.file);
    if (file === undefined) {
      try {
        realPaths.set(region.file, realpathSync(region.file));
        const { ino, size } = statSync(region.file);
        file = { path: region.file, inode: ino, byteLength: size };
      } catch (cause) {
        throw new CompileError(`weight '${region.name}': cannot open ${region.file}`, { cause });
      }
      files.set(region.file, file);
    }
    const end = region.offset + region.byteLength;
    if (end > file.byteLength) {
      throw new CompileError(
        `weight '${region.name}' ends at byte ${end} of ${region.file}, which has ${file.byteLength}: is the file incomplete?`,
      );
    }
  }
  const folders = [...realPaths.values()].map((file) => dirname(file).split(sep));
  if (folders.length === 0) return { directory: undefined, realPaths, files: [] };
  const common = folders.reduce((a, b) => {
    const difference = a.findIndex((part, index) => part !== b[index]);
    return difference === -1 ? a : a.slice(0, difference);
  });
  return { directory: common.join(sep) || sep, realPaths, files: [...files.values()] };
}

function initializer(
  name: string,
  node: TraceNode,
  contentOf: (region: WeightRegion) => OnnxInitializer['content'],
): OnnxInitializer {
  const { dtype, shape } = node.outputs[0] as TensorType & { shape: readonly number[] };
  const content = isLeaf(node, constantOperation)
    ? { bytes: (node.attributes as unknown as ConstantAttributes).bytes }
    : contentOf((node.attributes as unknown as WeightAttributes).region);
  return { name, dtype, shape, content };
}
