import { basename } from 'node:path';
import { stageFile, writeFileAtomically } from '../atomic-file.ts';
import type { Named } from '../compile.ts';
import { CompileError } from '../errors.ts';
import { input, type WeightRegion } from '../operations/leaf.ts';
import { type TensorRegion, tensorChunks } from '../safetensors/read.ts';
import type { Signature } from '../signature.ts';
import type { Tensor } from '../tensor.ts';
import { lowerNodes, nodesBehind } from './lower.ts';
import { encodeModel, type ModelPart, modelParts, type OnnxGraph } from './schema.ts';

/** Options of {@link writeOnnx}. */
export interface WriteOnnxOptions {
  /** A weight's bytes in the type of its region, row-major and little-endian. Default: those in its file. */
  readonly bytesOf?: (region: WeightRegion) => AsyncIterable<Uint8Array>;
  /** Most bytes of weights that go into the model file itself. Default 1.9e9: a protobuf ends at 2 GiB. */
  readonly maximumInlineBytes?: number;
}

/**
 * Writes a function as an ONNX model file (opset 21, with operators of `com.microsoft`) for ONNX Runtime elsewhere: in
 * Python, C++ or a browser. Inputs and outputs keep their names and those of their symbolic extents. Weights go into the
 * file, or, where they are too large for one, into `<path>_data` beside it.
 *
 * @returns the files written.
 * @throws ShapeError from tracing; CompileError when a weight's bytes are not as many as its region says; FileWriteError.
 *
 * @example
 * await writeOnnx('double.onnx', ({ x }) => ({ y: add(x, x) }), { x: tensorType('float32', ['n']) });
 */
export async function writeOnnx<Inputs extends Signature, Outputs extends Readonly<Record<string, Tensor>>>(
  path: string,
  fn: (inputs: Named<keyof Inputs, Tensor>) => Outputs,
  signature: Inputs,
  {
    bytesOf = (region) => tensorChunks(region as TensorRegion),
    maximumInlineBytes = 1.9e9,
  }: WriteOnnxOptions = {},
): Promise<readonly string[]> {
  const traced = Object.fromEntries(
    Object.entries(signature).map(([name, type]) => [name, input(name, type)]),
  );
  const outputs = fn(traced as Named<keyof Inputs, Tensor>);
  const weights: WeightRegion[] = [];
  const { graph } = lowerNodes(nodesBehind(outputs), traced, outputs, (region) => {
    if (region.byteLength === 0) return { bytes: new Uint8Array() };
    weights.push(region);
    return { streamedBytes: region.byteLength };
  });
  const total = weights.reduce((sum, { byteLength }) => sum + byteLength, 0);
  if (total <= maximumInlineBytes) {
    const content = inlineContent(modelParts(graph, { symbols: true }), weights, bytesOf);
    await writeFileAtomically(path, content);
    return [path];
  }
  const dataFile = `${path}_data`;
  const data = await stageFile(dataFile, externalContent(weights, bytesOf));
  try {
    const model = encodeModel(withLocations(graph, basename(dataFile)), { symbols: true });
    const file = await stageFile(path, model);
    try {
      await data.commit();
      await file.commit();
    } finally {
      await file.discard();
    }
  } finally {
    await data.discard();
  }
  return [path, dataFile];
}

type BytesOf = NonNullable<WriteOnnxOptions['bytesOf']>;

/** The pieces of a model file, with the weights in the order in which their initializers come. */
async function* inlineContent(
  parts: readonly ModelPart[],
  weights: readonly WeightRegion[],
  bytesOf: BytesOf,
): AsyncGenerator<Uint8Array> {
  const remaining = weights.values();
  for (const part of parts) {
    if (part === 'weight') yield* checkedBytes(remaining.next().value!, bytesOf);
    else yield part;
  }
}

/** Weights begin at multiples of a page, so that they can be mapped. */
const alignment = 4096;

async function* externalContent(
  weights: readonly WeightRegion[],
  bytesOf: BytesOf,
): AsyncGenerator<Uint8Array> {
  for (const region of weights) {
    yield* checkedBytes(region, bytesOf);
    yield new Uint8Array(padded(region.byteLength) - region.byteLength);
  }
}

/** The graph with its weights in a file, one after another. */
function withLocations(graph: OnnxGraph, location: string): OnnxGraph {
  let offset = 0;
  const initializers = graph.initializers.map((initializer) => {
    if (!('streamedBytes' in initializer.content)) return initializer;
    const { streamedBytes: byteLength } = initializer.content;
    const content = { location, offset, byteLength };
    offset += padded(byteLength);
    return { ...initializer, content };
  });
  return { ...graph, initializers };
}

function padded(length: number): number {
  return Math.ceil(length / alignment) * alignment;
}

async function* checkedBytes(region: WeightRegion, bytesOf: BytesOf): AsyncGenerator<Uint8Array> {
  let count = 0;
  for await (const chunk of bytesOf(region)) {
    count += chunk.length;
    yield chunk;
  }
  if (count === region.byteLength) return;
  throw new CompileError(
    `weight '${region.name}' came in ${count} bytes, its region has ${region.byteLength}`,
  );
}
