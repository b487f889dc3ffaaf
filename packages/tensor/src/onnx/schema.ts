import { BinaryWriter } from '@bufbuild/protobuf/wire';
import type { Shape } from '../dimension.ts';
import type { DataType } from '../dtype.ts';

/**
 * The part of ONNX's protobuf schema that a training graph needs, written field by field on protobuf's wire
 * writer. Field numbers are those of onnx.proto (IR version 10).
 */

/** `TensorProto.DataType`. */
const elementTypes: Record<DataType, number> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int16: 5,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  bfloat16: 16,
};

/** ONNX's number for an element type, as `Cast`'s attribute `to` wants it. */
export function elementTypeNumber(dtype: DataType): number {
  return elementTypes[dtype];
}

/** An attribute's value, tagged with its type: ONNX tells the float 1 from the integer 1. */
export type OnnxAttribute =
  | { readonly int: number }
  | { readonly float: number }
  | { readonly string: string }
  | { readonly ints: readonly number[] };

export interface OnnxNode {
  readonly operator: string;
  /** '' for the standard operators, 'com.microsoft' for ONNX Runtime's own. */
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
}

/** A constant: its bytes, or where they lie in a file. */
export interface OnnxInitializer {
  readonly name: string;
  readonly dtype: DataType;
  readonly shape: readonly number[];
  readonly content:
    | { readonly bytes: Uint8Array }
    /** `location` is relative to the folder the session is told of. */
    | { readonly location: string; readonly offset: number; readonly byteLength: number }
    /** Bytes that {@link modelParts} leaves room for. */
    | { readonly streamedBytes: number };
}

export interface OnnxValue {
  readonly name: string;
  readonly dtype: DataType;
  readonly shape: Shape;
}

export interface OnnxGraph {
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly OnnxInitializer[];
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
}

const wire = { varint: 0, bytes: 2, fixed32: 5 } as const;

function writeMessage(writer: BinaryWriter, field: number, write: (writer: BinaryWriter) => void): void {
  writer.tag(field, wire.bytes).fork();
  write(writer);
  writer.join();
}

function writeString(writer: BinaryWriter, field: number, value: string): void {
  writer.tag(field, wire.bytes).string(value);
}

function writeInteger(writer: BinaryWriter, field: number, value: number): void {
  writer.tag(field, wire.varint).int64(value);
}

function writeAttribute(writer: BinaryWriter, name: string, attribute: OnnxAttribute): void {
  writeString(writer, 1, name);
  if ('float' in attribute) {
    writer.tag(2, wire.fixed32).float(attribute.float);
    writeInteger(writer, 20, 1);
  } else if ('int' in attribute) {
    writeInteger(writer, 3, attribute.int);
    writeInteger(writer, 20, 2);
  } else if ('string' in attribute) {
    writer.tag(4, wire.bytes).string(attribute.string);
    writeInteger(writer, 20, 3);
  } else {
    for (const value of attribute.ints) writeInteger(writer, 8, value);
    writeInteger(writer, 20, 7);
  }
}

function writeNode(writer: BinaryWriter, node: OnnxNode, index: number): void {
  for (const input of node.inputs) writeString(writer, 1, input);
  for (const output of node.outputs) writeString(writer, 2, output);
  writeString(writer, 3, `${node.operator}_${index}`);
  writeString(writer, 4, node.operator);
  for (const [name, attribute] of Object.entries(node.attributes)) {
    writeMessage(writer, 5, (inner) => writeAttribute(inner, name, attribute));
  }
  if (node.domain !== '') writeString(writer, 7, node.domain);
}

function writeInitializer(writer: BinaryWriter, initializer: OnnxInitializer): void {
  for (const dimension of initializer.shape) writeInteger(writer, 1, dimension);
  writeInteger(writer, 2, elementTypes[initializer.dtype]);
  writeString(writer, 8, initializer.name);
  const { content } = initializer;
  if ('bytes' in content) {
    writer.tag(9, wire.bytes).bytes(content.bytes);
    return;
  }
  if ('streamedBytes' in content) {
    // The field's tag and length; the bytes follow, as the last field of the message.
    writer.tag(9, wire.bytes).uint32(content.streamedBytes);
    return;
  }
  const entries = {
    location: content.location,
    offset: `${content.offset}`,
    length: `${content.byteLength}`,
  };
  for (const [key, value] of Object.entries(entries)) {
    writeMessage(writer, 13, (inner) => {
      writeString(inner, 1, key);
      writeString(inner, 2, value);
    });
  }
  writeInteger(writer, 14, 1);
}

/** How a value's type is written. */
export interface ValueOptions {
  /**
   * Whether extents that are known only at run time are written, by their names. Default false: ONNX Runtime's planner
   * would compare them all, for most of a session's start.
   */
  readonly symbols?: boolean;
}

function writeValue(writer: BinaryWriter, value: OnnxValue, { symbols = false }: ValueOptions): void {
  writeString(writer, 1, value.name);
  writeMessage(writer, 2, (type) =>
    writeMessage(type, 1, (tensorType) => {
      writeInteger(tensorType, 1, elementTypes[value.dtype]);
      if (!symbols && value.shape.some((dimension) => typeof dimension === 'string')) return;
      writeMessage(tensorType, 2, (shape) => {
        for (const dimension of value.shape) {
          writeMessage(shape, 1, (extent) => {
            if (typeof dimension === 'number') writeInteger(extent, 1, dimension);
            else writeString(extent, 2, dimension);
          });
        }
      });
    }),
  );
}

function writeGraph(body: BinaryWriter, graph: OnnxGraph, options: ValueOptions): void {
  graph.nodes.forEach((node, index) => {
    writeMessage(body, 1, (inner) => writeNode(inner, node, index));
  });
  writeString(body, 2, 'safetune');
  for (const initializer of graph.initializers) {
    writeMessage(body, 5, (inner) => writeInitializer(inner, initializer));
  }
  for (const input of graph.inputs) writeMessage(body, 11, (inner) => writeValue(inner, input, options));
  for (const output of graph.outputs) writeMessage(body, 12, (inner) => writeValue(inner, output, options));
}

function writeModelStart(writer: BinaryWriter): void {
  writeInteger(writer, 1, 10);
  writeString(writer, 2, 'safetune');
}

function writeOperatorSets(writer: BinaryWriter): void {
  for (const [domain, version] of [
    ['', 21],
    ['com.microsoft', 1],
  ] as const) {
    writeMessage(writer, 8, (inner) => {
      writeString(inner, 1, domain);
      writeInteger(inner, 2, version);
    });
  }
}

/** The bytes of an ONNX model file (`ModelProto`) holding `graph`. */
export function encodeModel(graph: OnnxGraph, options: ValueOptions = {}): Uint8Array {
  const writer = new BinaryWriter();
  writeModelStart(writer);
  writeMessage(writer, 7, (body) => writeGraph(body, graph, options));
  writeOperatorSets(writer);
  return writer.finish();
}

/** A piece of a model file: bytes, or the place of a weight's. */
export type ModelPart = Uint8Array | 'weight';

/** The same in pieces, for weights too large to be held in memory together: those with `streamedBytes`, in their order. */
export function modelParts(graph: OnnxGraph, options: ValueOptions = {}): readonly ModelPart[] {
  const streamed = graph.initializers.filter(({ content }) => 'streamedBytes' in content);
  const rest = graph.initializers.filter(({ content }) => !('streamedBytes' in content));
  const small = new BinaryWriter();
  writeGraph(small, { ...graph, initializers: rest }, options);
  const body = small.finish();
  const heads = streamed.map((initializer) => initializerHead(initializer));
  const start = new BinaryWriter();
  writeModelStart(start);
  const length = heads.reduce(
    (sum, { head, streamedBytes }) => sum + head.length + streamedBytes,
    body.length,
  );
  start.tag(7, wire.bytes).uint32(length);
  const end = new BinaryWriter();
  writeOperatorSets(end);
  return [start.finish(), body, ...heads.flatMap(({ head }) => [head, 'weight'] as const), end.finish()];
}

/** An initializer as a field of its graph, up to its bytes. */
function initializerHead(initializer: OnnxInitializer) {
  const { streamedBytes } = initializer.content as { streamedBytes: number };
  const message = new BinaryWriter();
  writeInitializer(message, initializer);
  const fields = message.finish();
  const head = new BinaryWriter();
  head.tag(5, wire.bytes).uint32(fields.length + streamedBytes);
  head.raw(fields);
  return { streamedBytes, head: head.finish() };
}
