import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hostArray } from '../host-array.ts';
import { useTemporaryDirectory } from './__fixtures__/temporary-directory.ts';
import { openCheckpoint } from './checkpoint.ts';
import { findTensor, openSafetensors, readTensor, readTensorBytes } from './read.ts';
import { writeSafetensors } from './write.ts';
import { writeShardedSafetensors } from './write-sharded.ts';

/** Live checks against the reference implementation; skipped where Python lacks it. */
const directory = useTemporaryDirectory();

function python(program: string, ...values: string[]): string {
  const { status, stdout, stderr, error } = spawnSync('python3', ['-c', program, ...values], {
    encoding: 'utf8',
  });
  if (status !== 0) throw error ?? new Error(stderr);
  return stdout;
}

const present = spawnSync('python3', ['-c', 'import torch, safetensors.torch']).status === 0;
if (!present)
  console.warn('python3 with torch and safetensors is not installed: live safetensors tests are skipped');

/** Every float16 and bfloat16 value, neighbours of rounding ties, and a spread of patterns; no NaN. */
function instructiveFloats(): Float32Array {
  const patterns: number[] = [];
  for (let half = 0; half < 0x10000; half += 7) patterns.push(half * 0x10000, half * 0x10000 + 0x8000);
  for (let exponent = 0x30000000; exponent < 0x47800000; exponent += 0x1000)
    patterns.push(exponent, exponent + 1);
  for (let index = 0; index < 50_000; index++) patterns.push(Math.imul(index, 0x9e3779b1) >>> 0);
  return new Float32Array(Uint32Array.from(patterns).buffer).filter((value) => Number.isFinite(value));
}

describe.skipIf(!present)('with Python safetensors', () => {
  it('loads there with the same values, and rounds as PyTorch does', async () => {
    const all = instructiveFloats();
    const small = all.filter((value) => Math.abs(value) < 65520);
    const large = all.filter((value) => Math.abs(value) < 3.39e38);
    const path = join(directory(), 'ours.safetensors');
    const tensors = {
      all: hostArray(all, [all.length]),
      small: hostArray(small, [1, small.length]),
      large: hostArray(large, [large.length]),
      half: { dtype: 'float16', array: hostArray(small, [1, small.length]) },
      brain: { dtype: 'bfloat16', array: hostArray(large, [large.length]) },
      truth: { dtype: 'bool', array: hostArray(Uint8Array.of(1, 0), [2]) },
      'größe.权重': hostArray(BigInt64Array.of(-(2n ** 62n)), []),
      double: hostArray(Float64Array.of(0.1), [1, 1]),
      bytes: hostArray(Uint8Array.of(), [0, 4]),
    } as const;
    await writeSafetensors(path, tensors, { metadata: { format: 'pt', note: 'a "b"' } });
    const report = python(
      `
import json, sys, torch
from safetensors import safe_open
from safetensors.torch import load_file
t = load_file(sys.argv[1])
with safe_open(sys.argv[1], 'pt') as f: metadata = f.metadata()
same = lambda a, b: a.dtype == b.dtype and a.shape == b.shape and torch.equal(a.view(torch.int16), b.view(torch.int16))
print(json.dumps([
  same(t['small'].half(), t['half']), same(t['large'].bfloat16(), t['brain']), t['all'].numel(),
  t['truth'].tolist(), str(t['truth'].dtype), t['größe.权重'].item(), t['double'].item(), list(t['bytes'].shape), metadata,
]))`,
      path,
    );
    expect(JSON.parse(report)).toEqual([
      true,
      true,
      all.length,
      [true, false],
      'torch.bool',
      -(2 ** 62),
      0.1,
      [0, 4],
      { format: 'pt', note: 'a "b"' },
    ]);
  });

  it('reads here what it wrote there, 16-bit types widened to the same bits', async () => {
    const path = join(directory(), 'theirs.safetensors');
    python(
      `
import sys, torch
from safetensors.torch import save_file
every = torch.arange(-32768, 32768, dtype=torch.int32).to(torch.int16)
half, brain = every.view(torch.float16), every.clone().view(torch.bfloat16)
save_file({'half': half, 'brain': brain, 'half32': half.float(), 'brain32': brain.float()}, sys.argv[1])`,
      path,
    );
    const file = await openSafetensors(path);
    for (const name of ['half', 'brain']) {
      const ours = (await readTensor(findTensor(file, name))).data as Float32Array;
      const theirs = (await readTensor(findTensor(file, `${name}32`))).data as Float32Array;
      expect(ours.length).toBe(65536);
      expect(ours, name).toEqual(theirs);
    }
  });

  it('writes a sharded checkpoint whose every shard loads there', async () => {
    const tensors = { a: hostArray(Float32Array.of(1, 2), [2]), b: hostArray(Float32Array.of(3), [1]) };
    const files = await writeShardedSafetensors(directory(), tensors, { maximumShardBytes: 8 });
    const report = python(
      `
import sys
from safetensors.torch import load_file
print([(name, value.tolist()) for path in sys.argv[1:] for name, value in load_file(path).items()])`,
      ...files,
    );
    expect(report.trim()).toBe("[('a', [1.0, 2.0]), ('b', [3.0])]");
    const bytes = await readTensorBytes(findTensor(await openCheckpoint(directory()), 'b'));
    expect([...bytes]).toEqual([0, 0, 0x40, 0x40]);
  });
});
