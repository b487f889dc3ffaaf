import { BinaryReader } from '@bufbuild/protobuf/wire';

/** The ONNX operators of a lowered model's nodes, in order: `ModelProto.graph.node.op_type`. */
export function loweredOperators(model: Uint8Array): string[] {
  const decoder = new TextDecoder();
  return fieldsOf(model, 7)
    .flatMap((graph) => fieldsOf(graph, 1))
    .flatMap((node) => fieldsOf(node, 4))
    .map((name) => decoder.decode(name));
}

/** Every occurrence of a length-delimited field of one message. */
function fieldsOf(message: Uint8Array, wanted: number): Uint8Array[] {
  const lengthDelimited = 2;
  const reader = new BinaryReader(message);
  const found: Uint8Array[] = [];
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === wanted && type === lengthDelimited) found.push(reader.bytes());
    else reader.skip(type, field);
  }
  return found;
}
