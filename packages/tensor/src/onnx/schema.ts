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
    | { readonly location: string; readonly offset: number; readonly byteLength: number };
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

function writeValue(writer: BinaryWriter, value: OnnxValue): void {
  writeString(writer, 1, value.name);
  writeMessage(writer, 2, (type) =>
    writeMessage(type, 1, (tensorType) => {
      writeInteger(tensorType, 1, elementTypes[value.dtype]);
      // A shape with symbols is left out: ONNX Runtime's planner would compare them all, for most of a session's start.
      if (value.shape.some((dimension) => typeof dimension === 'string')) return;
      writeMessage(tensorType, 2, (shape) => {
        for (const dimension of value.shape) {
          writeMessage(shape, 1, (extent) => writeInteger(extent, 1, Number(dimension)));
        }
      });
    }),
  );
}

/** The bytes of an ONNX model file (`ModelProto`) holding `graph`. */
export function encodeModel(graph: OnnxGraph): Uint8Array {
  const writer = new BinaryWriter();
  writeInteger(writer, 1, 10);
  writeString(writer, 2, 'safetune');
  writeMessage(writer, 7, (body) => {
    graph.nodes.forEach((node, index) => {
      writeMessage(body, 1, (inner) => writeNode(inner, node, index));
    });
    writeString(body, 2, 'safetune');
    for (const initializer of graph.initializers) {
      writeMessage(body, 5, (inner) => writeInitializer(inner, initializer));
    }
    for (const input of graph.inputs) writeMessage(body, 11, (inner) => writeValue(inner, input));
    for (const output of graph.outputs) writeMessage(body, 12, (inner) => writeValue(inner, output));
  });
  for (const [domain, version] of [
    ['', 21],
    ['com.microsoft', 1],
  ] as const) {
    writeMessage(writer, 8, (inner) => {
      writeString(inner, 1, domain);
      writeInteger(inner, 2, version);
    });
  }
  return writer.finish();
}
