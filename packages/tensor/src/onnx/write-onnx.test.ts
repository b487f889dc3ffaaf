import { mkdtempSync, rmSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { afterAll, describe, expect, it } from 'vitest';
import { CompileError } from '../errors.ts';
import { hostArray } from '../host-array.ts';
import { add } from '../operations/elementwise.ts';
import { weight } from '../operations/leaf.ts';
import { matmul } from '../operations/linalg.ts';
import { findTensor, openSafetensors } from '../safetensors/read.ts';
import { writeSafetensors } from '../safetensors/write.ts';
import { tensorType } from '../signature.ts';
import { writeOnnx } from './write-onnx.ts';

const directory = mkdtempSync(join(tmpdir(), 'safetune-onnx-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** y = x A + b, with weights in a file. */
async function affine() {
  const file = join(directory, 'weights.safetensors');
  await writeSafetensors(file, {
    a: hostArray(Float32Array.of(1, 2, 3, 4, 5, 6), [2, 3]),
    b: hostArray(Float32Array.of(10, 20, 30), [3]),
  });
  const stored = await openSafetensors(file);
  const [a, b] = [findTensor(stored, 'a'), findTensor(stored, 'b')];
  return {
    fn: ({ x }: { x: Parameters<typeof matmul>[0] }) => ({ y: add(matmul(x, weight(a)), weight(b)) }),
    signature: { x: tensorType('float32', ['rows', 2]) },
  };
}

async function run(file: string) {
  process.env.ORT_DISABLE_TELEMETRY = '1';
  const session = await ort.InferenceSession.create(file);
  const { y } = await session.run({ x: new ort.Tensor('float32', Float32Array.of(1, 1, 0, 2), [2, 2]) });
  await session.release();
  return [...(y!.data as Float32Array)];
}

const expected = [15, 27, 39, 18, 30, 42];

describe('writeOnnx', () => {
  it('writes one file that plain ONNX Runtime runs', async () => {
    const { fn, signature } = await affine();
    const path = join(directory, 'inline.onnx');
    expect(await writeOnnx(path, fn, signature)).toEqual([path]);
    expect(await run(path)).toEqual(expected);
    // The names of extents are for readers.
    expect((await readFile(path)).includes('rows')).toBe(true);
  });

  it('puts weights that are too large beside it', async () => {
    const { fn, signature } = await affine();
    const path = join(directory, 'external.onnx');
    const files = await writeOnnx(path, fn, signature, { maximumInlineBytes: 35 });
    expect(files).toEqual([path, `${path}_data`]);
    expect(await run(path)).toEqual(expected);
    expect((await readFile(files[1]!)).length % 4096).toBe(0);
  });

  it('takes weights from elsewhere', async () => {
    const { fn, signature } = await affine();
    const path = join(directory, 'other.onnx');
    await writeOnnx(path, fn, signature, {
      async *bytesOf({ byteLength }) {
        yield new Uint8Array(new Float32Array(byteLength / 4).fill(1).buffer);
      },
    });
    expect(await run(path)).toEqual([3, 3, 3, 3, 3, 3]);
  });

  it.each([2e9, 0])(
    'refuses weights cut short, and leaves nothing behind (%d)',
    async (maximumInlineBytes) => {
      const { fn, signature } = await affine();
      const path = join(directory, 'short.onnx');
      const writing = writeOnnx(path, fn, signature, {
        async *bytesOf() {
          yield new Uint8Array(4);
        },
        maximumInlineBytes,
      });
      await expect(writing).rejects.toSatisfy(CompileError.isInstance);
      await expect(writing).rejects.toThrow("weight 'a' came in 4 bytes");
      expect((await readdir(directory)).filter((name) => name.startsWith('short'))).toEqual([]);
    },
  );
});
