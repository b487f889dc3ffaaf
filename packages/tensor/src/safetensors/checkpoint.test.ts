import { cp, mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { type HostArray, hostArray } from '../host-array.ts';
import { useTemporaryDirectory } from './__fixtures__/temporary-directory.ts';
import { openCheckpoint } from './checkpoint.ts';
import { CheckpointError, type CheckpointProblem, SafetensorsError } from './errors.ts';
import { findTensor, readTensor } from './read.ts';
import { writeSafetensors } from './write.ts';
import { writeShardedSafetensors } from './write-sharded.ts';

const directory = useTemporaryDirectory();

const first = 'model-00001-of-00002.safetensors';
const second = 'model-00002-of-00002.safetensors';
const index = 'model.safetensors.index.json';

function array(...values: number[]): HostArray {
  return hostArray(Float32Array.from(values), [values.length]);
}

async function values(name: string): Promise<unknown[]> {
  return [...(await readTensor(findTensor(await openCheckpoint(directory()), name))).data];
}

describe('openCheckpoint', () => {
  beforeEach(() =>
    cp(join(import.meta.dirname, '__fixtures__', 'sharded'), directory(), { recursive: true }),
  );

  async function failure(): Promise<CheckpointError> {
    const error = await openCheckpoint(directory()).catch((thrown: unknown) => thrown);
    if (!CheckpointError.isInstance(error)) throw error;
    return error;
  }

  async function writeWeightMap(weightMap: unknown): Promise<void> {
    await writeFile(join(directory(), index), JSON.stringify({ weight_map: weightMap }));
  }

  it('joins the shards the index names', async () => {
    const checkpoint = await openCheckpoint(directory());
    expect([...checkpoint.tensors.keys()].sort()).toEqual(['embed.weight', 'head.weight', 'norm.weight']);
    expect(checkpoint.files).toEqual([join(directory(), first), join(directory(), second)]);
    expect(await values('embed.weight')).toEqual([0, 1, 2, 3, 4, 5]);
    expect(await values('head.weight')).toEqual([0.25, -0.5]);
  });

  it('prefers a single file', async () => {
    await writeSafetensors(join(directory(), 'model.safetensors'), { only: array(1) });
    expect([...(await openCheckpoint(directory())).tensors.keys()]).toEqual(['only']);
  });

  it('opens files of another name', async () => {
    await rename(join(directory(), first), join(directory(), 'adapter_model.safetensors'));
    const checkpoint = await openCheckpoint(directory(), { name: 'adapter_model' });
    expect(checkpoint.tensors.size).toBe(2);
  });

  it('names a missing shard', async () => {
    await rm(join(directory(), second));
    expect(await failure()).toMatchObject({ problem: 'missing-shard', file: join(directory(), second) });
  });

  it('bounds the tensors of all shards together', async () => {
    const entry = '{"dtype":"F32","shape":[0],"data_offsets":[0,0]}';
    for (const [shard, prefix] of [[first, 'a'] as const, [second, 'b'] as const]) {
      const names = Array.from({ length: 255_000 }, (_, number) => `"${prefix}${number}":${entry}`);
      const header = Buffer.from(`{${names.join()}}`);
      const length = Buffer.alloc(8);
      length.writeBigUInt64LE(BigInt(header.length));
      await writeFile(join(directory(), shard), Buffer.concat([length, header]));
    }
    await writeWeightMap({ a0: first, b0: second });
    expect(await failure()).toMatchObject({ problem: 'too-many' });
  });

  it.skipIf(process.platform === 'win32')(
    'refuses an index and shards that are links out of the folder',
    async () => {
      const elsewhere = join(directory(), 'elsewhere');
      await mkdir(elsewhere);
      const inside = join(directory(), 'inside');
      await mkdir(inside);
      await writeFile(join(elsewhere, index), 'hunter2');
      await symlink(join(elsewhere, index), join(inside, index));
      const linked: unknown = await openCheckpoint(inside).catch((thrown: unknown) => thrown);
      expect(CheckpointError.isInstance(linked) && linked.problem).toBe('index');
      expect((linked as Error).message).not.toContain('hunter2');
      await rm(join(inside, index));
      await writeFile(join(inside, index), JSON.stringify({ weight_map: { a: 'model-1.safetensors' } }));
      await symlink(join(directory(), first), join(inside, 'model-1.safetensors'));
      await expect(openCheckpoint(inside)).rejects.toMatchObject({
        name: 'SafetensorsError',
        problem: 'refused',
      });
    },
  );

  it('names a tensor that its shard lacks', async () => {
    await writeWeightMap({ 'embed.weight': first, 'head.weight': second, ghost: second });
    const error = await failure();
    expect(error).toMatchObject({
      problem: 'missing-tensor',
      tensor: 'ghost',
      file: join(directory(), second),
    });
    expect(error.message).toContain('ghost');
  });

  it('names a tensor that the index places in the wrong shard', async () => {
    await writeWeightMap({ 'embed.weight': second, 'head.weight': second, 'norm.weight': first });
    expect(await failure()).toMatchObject({ problem: 'missing-tensor', tensor: 'embed.weight' });
  });

  it('names a tensor that is in two shards', async () => {
    await writeSafetensors(join(directory(), second), {
      'head.weight': array(1),
      'norm.weight': array(1, 1),
    });
    expect(await failure()).toMatchObject({ problem: 'duplicate-tensor', tensor: 'norm.weight' });
  });

  const badIndexes: [string, string, CheckpointProblem][] = [
    ['is cut short', '{"weight_map": {', 'index'],
    ['is null', 'null', 'index'],
    ['has no weight_map', '{"metadata": {}}', 'index'],
    ['has a list for a weight_map', '{"weight_map": ["a"]}', 'index'],
    ['leads out of the folder', '{"weight_map": {"a": "../model.safetensors"}}', 'index'],
    ['names no text', '{"weight_map": {"a": 1}}', 'index'],
  ];
  it.each(badIndexes)('refuses an index that %s', async (_, content, problem) => {
    await writeFile(join(directory(), index), content);
    expect(await failure()).toMatchObject({ problem, file: join(directory(), index) });
  });

  it('says when nothing is there', async () => {
    await rm(join(directory(), index));
    const error = await failure();
    expect(error.problem).toBe('missing');
    expect(error.message).toMatch(/neither model\.safetensors nor model\.safetensors\.index\.json/);
  });

  it('passes on what is wrong with a shard', async () => {
    const shard = await readFile(join(directory(), second));
    await writeFile(join(directory(), second), shard.subarray(0, -1));
    const error = await openCheckpoint(directory()).catch((thrown: unknown) => thrown);
    expect(SafetensorsError.isInstance(error)).toBe(true);
    expect(error).toMatchObject({ problem: 'truncated', tensor: 'head.weight' });
  });
});

describe('writeShardedSafetensors', () => {
  const tensors = { a: array(1, 2, 3), b: array(4), c: array(5, 6, 7, 8, 9), d: array(10) };

  it('fills shards up to the limit, a larger tensor alone, and lists them in the index', async () => {
    const files = await writeShardedSafetensors(directory(), tensors, { maximumShardBytes: 16 });
    const names = [1, 2, 3].map((number) => `model-0000${number}-of-00003.safetensors`);
    expect(files).toEqual(names.map((name) => join(directory(), name)));
    expect(JSON.parse(await readFile(join(directory(), index), 'utf8'))).toEqual({
      metadata: { total_size: 40 },
      weight_map: { a: names[0], b: names[0], c: names[1], d: names[2] },
    });
    expect(await values('c')).toEqual([5, 6, 7, 8, 9]);
    expect(await values('d')).toEqual([10]);
  });

  it('writes one file when all fits, and replaces an earlier checkpoint of either layout', async () => {
    await writeFile(join(directory(), 'config.json'), '{}');
    await writeShardedSafetensors(directory(), tensors, { maximumShardBytes: 16 });
    await writeShardedSafetensors(directory(), { e: array(11) }, { metadata: { format: 'pt' } });
    expect((await readdir(directory())).sort()).toEqual(['config.json', 'model.safetensors']);
    await writeShardedSafetensors(directory(), tensors, { maximumShardBytes: 20 });
    expect((await readdir(directory())).sort()).toEqual(
      ['config.json', index, ...[1, 2, 3].map((number) => `model-0000${number}-of-00003.safetensors`)].sort(),
    );
    expect(await values('a')).toEqual([1, 2, 3]);
  });

  it('leaves an earlier checkpoint whole when a later shard cannot be written', async () => {
    await writeShardedSafetensors(directory(), tensors, { maximumShardBytes: 16 });
    const before = (await readdir(directory())).sort();
    const bad = {
      a: array(0, 0, 0),
      b: array(0),
      c: { dtype: 'float16' as const, array: array(1, 1, 1, 1, 1e9) },
      d: array(0),
    };
    const attempt = writeShardedSafetensors(directory(), bad, { maximumShardBytes: 16 });
    await expect(attempt).rejects.toThrow(/tensor 'c': element 4/);
    expect((await readdir(directory())).sort()).toEqual(before);
    expect(await values('a')).toEqual([1, 2, 3]);
  });
});
