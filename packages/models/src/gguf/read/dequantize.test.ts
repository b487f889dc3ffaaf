import { fileURLToPath } from 'node:url';
import { openSafetensors, readTensor, readTensorBytes } from '@safetune/tensor';
import { expect, it } from 'vitest';
import { dequantizers } from './dequantize.ts';

const golden = fileURLToPath(
  new URL('../../../../../conformance/goldens/gguf-models/blocks.safetensors', import.meta.url),
);

it.each([...dequantizers.keys()].filter((name) => name.startsWith('Q')))(
  '%s decodes to what gguf-py says, bit by bit',
  async (name) => {
    const { tensors } = await openSafetensors(golden);
    const bytes = await readTensorBytes(tensors.get(`${name}.bytes`)!);
    const expected = (await readTensor(tensors.get(`${name}.values`)!)).data as Float32Array;
    const values = new Float32Array(expected.length);
    dequantizers.get(name)!(bytes, values);
    expect(new Uint32Array(values.buffer)).toEqual(new Uint32Array(Float32Array.from(expected).buffer));
  },
);
