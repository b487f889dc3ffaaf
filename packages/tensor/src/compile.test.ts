import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { evaluate } from './__fixtures__/evaluate.ts';
import { arrayOf, indicesOf, numbersOf } from './__fixtures__/random-array.ts';
import { compile, type Executable, tensorType } from './compile.ts';
import { CompileError, ExecutionError, InputError, ShapeError } from './errors.ts';
import { gradients } from './grad.ts';
import { type HostArray, hostArray } from './host-array.ts';
import { add, cast, greater, logicalAnd, multiply, square, where } from './operations/elementwise.ts';
import { gather } from './operations/indexing.ts';
import { constant, input, scalar, type WeightRegion, weight } from './operations/leaf.ts';
import { matmul } from './operations/linalg.ts';
import { sum } from './operations/reduce.ts';
import { concatenate, full, reshape } from './operations/shape.ts';
import type { RuntimeOptions } from './runtime.ts';
import { useTemporaryDirectory } from './safetensors/__fixtures__/temporary-directory.ts';

describe('inputs', () => {
  let executable: Executable<'x' | 'y' | 'i' | 'mask', 'sum'>;
  const good = {
    x: arrayOf([2, 3], 1, 2, 3, 4, 5, 6),
    y: arrayOf([3], 10, 20, 30),
    i: indicesOf([2], 1, 1),
    mask: hostArray(Uint8Array.of(1, 1, 0, 0, 0), [5]),
  };

  beforeAll(async () => {
    executable = await compile(
      ({ x, y, i, mask }) => ({
        sum: add(sum(add(x, y)), add(sum(cast(i, 'float32')), sum(cast(mask, 'float32')))),
      }),
      {
        x: tensorType('float32', ['rows', 'columns']),
        y: tensorType('float32', ['columns']),
        i: tensorType('int64', [2]),
        mask: tensorType('bool', ['columns+rows']),
      },
    );
  });
  afterAll(() => executable.release());

  const refusal = async (inputs: Readonly<Record<string, HostArray | undefined>>) => {
    const error = await executable.run(inputs as typeof good).then(
      () => undefined,
      (cause: unknown) => cause,
    );
    expect(InputError.isInstance(error)).toBe(true);
    return error as InputError;
  };

  it('that fit are taken', async () => {
    expect(numbersOf((await executable.run(good)).sum)).toEqual([21 + 120 + 2 + 2]);
  });

  it('missing', async () => {
    const { x: _, ...rest } = good;
    expect((await refusal(rest)).message).toBe("input 'x': is missing");
    expect((await refusal({ ...good, i: undefined })).input).toBe('i');
  });

  it('unknown', async () => {
    const error = await refusal({ ...good, z: good.x });
    expect(error.message).toBe("input 'z': is not expected; the inputs are x, y, i, mask");
  });

  it('of another type', async () => {
    const int32 = hostArray(Int32Array.of(1, 2), [2]);
    expect((await refusal({ ...good, i: int32 })).message).toBe("input 'i': holds int32, int64 is declared");
    const float64 = hostArray(new Float64Array(6), [2, 3]);
    expect((await refusal({ ...good, x: float64 })).message).toBe(
      "input 'x': holds float64, float32 is declared",
    );
    expect((await refusal({ ...good, mask: arrayOf([5], 1, 0, 0, 0, 0) })).message).toContain(
      'bool is declared',
    );
  });

  it('of another shape', async () => {
    expect((await refusal({ ...good, x: arrayOf([3], 1, 2, 3) })).message).toBe(
      "input 'x': has shape [3], [rows, columns] is declared",
    );
    expect((await refusal({ ...good, i: indicesOf([3], 0, 0, 0) })).message).toBe(
      "input 'i': has shape [3], [2] is declared",
    );
  });

  it('whose symbols disagree', async () => {
    expect((await refusal({ ...good, y: arrayOf([2], 1, 2) })).message).toBe(
      "input 'y': 'columns' is 2 here but 3 in an earlier input",
    );
    expect((await refusal({ ...good, mask: hostArray(new Uint8Array(6), [6]) })).message).toBe(
      "input 'mask': 'columns+rows' is 6 here but 5 by the other inputs",
    );
  });

  it('may be strided views', async () => {
    const big = arrayOf([3, 2], 1, 4, 2, 5, 3, 6);
    const { sum: transposed } = await executable.run({ ...good, x: big.transpose(1, 0) });
    expect(numbersOf(transposed)).toEqual([145]);
    const rows = await compile(({ x }) => ({ y: multiply(x, 1) }), { x: tensorType('float32', ['n', 'm']) });
    const of = async (x: HostArray) => numbersOf((await rows.run({ x })).y);
    expect(await of(big.transpose(1, 0))).toEqual([1, 2, 3, 4, 5, 6]);
    expect(await of(big.lo(1, 0))).toEqual([2, 5, 3, 6]);
    expect(await of(big.lo(1, 1).hi(2, 1))).toEqual([5, 6]);
    expect(await of(big.step(-1, 1))).toEqual([3, 6, 2, 5, 1, 4]);
    expect(await of(big.step(2, 1))).toEqual([1, 4, 3, 6]);
    await rows.release();
  });

  it('need not be used', async () => {
    const found = await evaluate(({ x }) => ({ y: add(x!, 1) }), {
      x: arrayOf([1], 1),
      ignored: arrayOf([2], 1, 2),
    });
    expect(numbersOf(found.y)).toEqual([2]);
  });
});

describe('element types', () => {
  it('bool goes in and out as bytes', async () => {
    const executable = await compile(
      ({ mask, x }) => ({ both: logicalAnd(mask, greater(x, 1)), chosen: where(mask, x, 0), mask2: mask }),
      { mask: tensorType('bool', ['n']), x: tensorType('float32', ['n']) },
    );
    const into = { both: hostArray(new Uint8Array(3), [3]) };
    const mask = hostArray(Uint8Array.of(1, 1, 0), [3]);
    const found = await executable.run({ mask, x: arrayOf([3], 1, 2, 3) }, { into });
    expect(into.both.data).toEqual(Uint8Array.of(0, 1, 0));
    expect(found.both).toBe(into.both);
    expect(numbersOf(found.chosen)).toEqual([1, 2, 0]);
    expect(found.mask2.data).toEqual(Uint8Array.of(1, 1, 0));
    await executable.release();
  });

  it('storage types cannot cross', async () => {
    const half = compile(({ x }) => ({ y: cast(x, 'float16') }), { x: tensorType('float32', [1]) });
    await expect(half).rejects.toThrow("'y' is float16, which host arrays cannot hold: cast() it to float32");
    const brain = compile(({ x }) => ({ y: cast(x, 'float32') }), { x: tensorType('bfloat16', [1]) });
    await expect(brain).rejects.toThrow(CompileError);
  });
});

describe('outputs', () => {
  it('may be inputs, constants, the same value twice, and one another', async () => {
    const found = await evaluate(
      ({ x }) => {
        const y = add(x!, 1);
        return {
          input: x!,
          twice: x!,
          constant: constant(arrayOf([2], 7, 8)),
          scalar: scalar(3),
          y,
          again: y,
        };
      },
      { x: arrayOf([2], 1, 2) },
    );
    expect(numbersOf(found.input)).toEqual([1, 2]);
    expect(numbersOf(found.twice)).toEqual([1, 2]);
    expect(numbersOf(found.constant)).toEqual([7, 8]);
    expect(numbersOf(found.scalar)).toEqual([3]);
    expect(numbersOf(found.y)).toEqual([2, 3]);
    expect(numbersOf(found.again)).toEqual([2, 3]);
  });

  it('may have the names that inner values would get', async () => {
    const names = ['add.0', 'add.1', 'constant.0', 'constant.1', 'multiply.2', 'Concat.3'];
    const found = await evaluate(
      ({ x }) => Object.fromEntries(names.map((name, index) => [name, multiply(add(x!, index), 2)])),
      { x: arrayOf([1], 1) },
    );
    names.forEach((name, index) => {
      expect(numbersOf(found[name]!)).toEqual([2 * (1 + index)]);
    });
  });

  it('keep their memory after the next run', async () => {
    const executable = await compile(({ x }) => ({ y: add(x, 1) }), { x: tensorType('float32', [1]) });
    const first = await executable.run({ x: arrayOf([1], 1) });
    await executable.run({ x: arrayOf([1], 5) });
    expect(numbersOf(first.y)).toEqual([2]);
    await executable.release();
  });

  it('describe themselves', async () => {
    const executable = await compile(({ x }) => ({ y: concatenate([x, x], 0), n: sum(x) }), {
      x: tensorType('float32', ['n', 2]),
    });
    expect(executable.outputNames).toEqual(['y', 'n']);
    expect(executable.outputs).toEqual({
      y: { dtype: 'float32', shape: ['2*n', 2] },
      n: { dtype: 'float32', shape: [] },
    });
    expect(executable.signature).toEqual({ x: { dtype: 'float32', shape: ['n', 2] } });
    await executable.release();
  });
});

describe('into', () => {
  let executable: Executable<'x', 'dw' | 'db'>;
  beforeAll(async () => {
    executable = await compile(
      ({ x }) => {
        const [w, b] = [full([2, 2], 1), full([2], 0)];
        const value = sum(square(add(matmul(x, w), b)));
        const [dw, db] = gradients(value, [w, b]);
        return { dw: dw!, db: db! };
      },
      { x: tensorType('float32', ['n', 2]) },
    );
  });
  afterAll(() => executable.release());

  it('fills views of one flat buffer, at any offset, and touches nothing else', async () => {
    const flat = new Float32Array(9).fill(-1);
    const into = { dw: hostArray(flat.subarray(1, 5), [2, 2]), db: hostArray(flat.subarray(6, 8), [2]) };
    const found = await executable.run({ x: arrayOf([1, 2], 1, 2) }, { into });
    expect(Array.from(flat)).toEqual([-1, 6, 6, 12, 12, -1, 6, 6, -1]);
    expect(found.dw).toBe(into.dw);
    await executable.run({ x: arrayOf([2, 2], 1, 0, 0, 1) }, { into });
    expect(Array.from(flat)).toEqual([-1, 2, 2, 2, 2, -1, 4, 4, -1]);
  });

  it('takes ndarray views with an offset, and only some of the outputs', async () => {
    const rows = arrayOf([3, 2], 0, 0, 0, 0, 0, 0);
    const found = await executable.run({ x: arrayOf([1, 2], 1, 2) }, { into: { db: rows.pick(1, null) } });
    expect(numbersOf(rows)).toEqual([0, 0, 6, 6, 0, 0]);
    expect(numbersOf(found.dw)).toEqual([6, 6, 12, 12]);
  });

  it('refuses what it could not fill', async () => {
    const x = arrayOf([1, 2], 1, 2);
    const refusal = (into: Record<string, HostArray>) => executable.run({ x }, { into: into as never });
    const square2 = arrayOf([2, 2], 0, 0, 0, 0);
    await expect(refusal({ other: square2 })).rejects.toThrow(
      "'into.other': is no output; the outputs are dw, db",
    );
    await expect(refusal({ db: square2 })).rejects.toThrow("'into.db': has shape [2, 2], the output is [2]");
    await expect(refusal({ dw: square2.transpose(1, 0) })).rejects.toThrow(
      "'into.dw': is not a row-major view",
    );
    const wrong = hostArray(new Float64Array(2), [2]);
    await expect(refusal({ db: wrong })).rejects.toThrow(
      "'into.db': is a Float64Array, the output is float32",
    );
    await expect(refusal({ db: wrong })).rejects.toBeInstanceOf(InputError);
  });

  it('knows the extents of outputs from the inputs', async () => {
    const double = await compile(({ x }) => ({ y: concatenate([x, x], 0) }), {
      x: tensorType('float32', ['n']),
    });
    const run = (size: number) =>
      double.run({ x: arrayOf([2], 1, 2) }, { into: { y: hostArray(new Float32Array(size), [size]) } });
    await expect(run(3)).rejects.toThrow("'into.y': has shape [3], the output is [2*n]");
    expect(numbersOf((await run(4)).y)).toEqual([1, 2, 1, 2]);
    await double.release();
  });
});

describe('sequence', () => {
  /** Appends to a cache, and sums it. */
  const accumulate = () =>
    compile(
      ({ past, next }) => {
        const all = concatenate([past, next], 0);
        return { all, total: sum(all, { axes: 0 }) };
      },
      { past: tensorType('float32', ['past', 'width']), next: tensorType('float32', ['next', 'width']) },
      { carry: { all: 'past' } },
    );

  it('carries state from run to run, each sequence its own', async () => {
    const executable = await accumulate();
    const one = executable.sequence({ past: arrayOf([0, 2]) });
    const other = executable.sequence({ past: arrayOf([1, 2], 100, 200) });
    expect(numbersOf((await one.run({ next: arrayOf([1, 2], 1, 2) })).total)).toEqual([1, 2]);
    expect(numbersOf((await other.run({ next: arrayOf([1, 2], 5, 5) })).total)).toEqual([105, 205]);
    const last = await one.run({ next: arrayOf([2, 2], 10, 20, 30, 40) });
    expect(numbersOf(last.total)).toEqual([41, 62]);
    expect(Object.keys(last)).toEqual(['total']);
    const { past } = (await one.state()) as { past: HostArray };
    expect(past.shape).toEqual([3, 2]);
    expect(numbersOf(past)).toEqual([1, 2, 10, 20, 30, 40]);
    expect(numbersOf((await other.state()).past!)).toEqual([100, 200, 5, 5]);
    await executable.release();
  });

  it('queues runs that do not wait for each other', async () => {
    const executable = await accumulate();
    const sequence = executable.sequence({ past: arrayOf([0, 1]) });
    const runs = await Promise.all([1, 2, 3].map((value) => sequence.run({ next: arrayOf([1, 1], value) })));
    expect(runs.map(({ total }) => numbersOf(total)[0])).toEqual([1, 3, 6]);
    await executable.release();
  });

  it('keeps its state when a run is refused', async () => {
    const executable = await accumulate();
    const sequence = executable.sequence({ past: arrayOf([0, 1]) });
    await sequence.run({ next: arrayOf([1, 1], 5) });
    await expect(sequence.run({})).rejects.toThrow("input 'next': is missing");
    await expect(sequence.run({ next: arrayOf([1, 2], 1, 2) })).rejects.toThrow(
      "input 'next': 'width' is 2 here but 1 in an earlier input",
    );
    await expect(sequence.run({ next: arrayOf([1, 1], 1), past: arrayOf([1, 1], 1) })).rejects.toThrow(
      "input 'past': is carried from run to run; the inputs are next",
    );
    expect(numbersOf((await sequence.run({ next: arrayOf([1, 1], 1) })).total)).toEqual([6]);
    await executable.release();
  });

  it('checks its first values at once', async () => {
    const executable = await accumulate();
    expect(() => executable.sequence({})).toThrow(InputError);
    expect(() => executable.sequence({})).toThrow("input 'past': is missing");
    expect(() => executable.sequence({ past: arrayOf([2], 1, 2) })).toThrow('[past, width] is declared');
    expect(() => executable.sequence({ past: arrayOf([0, 2]), next: arrayOf([0, 2]) })).toThrow(
      "input 'next': is carried from run to run",
    );
    await executable.release();
  });

  it('refuses to carry what does not fit', async () => {
    const carrying = (carry: Record<string, string>) =>
      compile(
        ({ x, n }) => ({ y: add(x, 1), wide: reshape(x, [1, 2]), n2: n, again: add(x, 2) }),
        { x: tensorType('float32', [2]), n: tensorType('int64', []) },
        { carry },
      );
    await expect(carrying({ nothing: 'x' })).rejects.toThrow(
      "carry 'nothing' -> 'x': one of the two does not exist",
    );
    await expect(carrying({ y: 'nothing' })).rejects.toThrow(CompileError);
    await expect(carrying({ wide: 'x' })).rejects.toThrow(
      "carry 'wide' -> 'x': float32[1, 2] does not fit float32[2]",
    );
    await expect(carrying({ y: 'n' })).rejects.toThrow('does not fit int64[]');
    await expect(carrying({ y: 'x', again: 'x' })).rejects.toThrow("two outputs are carried into 'x'");
  });
});

describe('weights in place', () => {
  const directory = useTemporaryDirectory();

  /** Writes floats at a byte offset of a new file, as a tensor of a .safetensors file lies in it. */
  const stored = (
    path: string,
    values: readonly number[],
    offset: number,
    shape = [values.length],
  ): WeightRegion => {
    const bytes = Buffer.alloc(offset + 4 * values.length + 3, 0xff);
    values.forEach((value, index) => {
      bytes.writeFloatLE(value, offset + 4 * index);
    });
    writeFileSync(path, bytes);
    return { name: path, dtype: 'float32', shape, file: path, offset, byteLength: 4 * values.length };
  };
  const total = async (...regions: WeightRegion[]) => {
    const found = await evaluate(() => ({ total: regions.map((region) => sum(weight(region))).reduce(add) }));
    return numbersOf(found.total)[0];
  };

  it.each([[0], [8], [13], [4097]])('at byte %s', async (offset) => {
    const region = stored(join(directory(), 'model.safetensors'), [1, 2, 3, 4, 5, 6], offset, [3, 2]);
    const found = await evaluate(
      ({ x }) => {
        const w = weight(region);
        return {
          w,
          y: matmul(x!, w, { transposeB: true }),
          dx: gradients(sum(matmul(x!, w, { transposeB: true })), [x!])[0]!,
        };
      },
      { x: arrayOf([1, 2], 1, 10) },
    );
    expect(found.w.shape).toEqual([3, 2]);
    expect(numbersOf(found.w)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(numbersOf(found.y)).toEqual([21, 43, 65]);
    expect(numbersOf(found.dx)).toEqual([9, 12]);
  });

  it('several of one file, one of them twice, and of two folders', async () => {
    const [left, right] = [join(directory(), 'base', 'shard'), join(directory(), 'aligned')];
    mkdirSync(left, { recursive: true });
    mkdirSync(right);
    const one = stored(join(left, 'model.safetensors'), [1, 2, 3, 4], 9);
    const part: WeightRegion = { ...one, name: 'part', shape: [2], offset: 9 + 8, byteLength: 8 };
    const other = stored(join(right, 'model.safetensors'), [100], 5);
    expect(await total(one, part, part, other)).toBe(10 + 7 + 7 + 100);
  });

  it('through links, as the Hugging Face cache lays them out', async () => {
    const repository = join(directory(), 'models--org--name');
    for (const folder of ['blobs', 'snapshots/abc']) mkdirSync(join(repository, folder), { recursive: true });
    stored(join(repository, 'blobs', '3f2a'), [1, 2], 8);
    stored(join(repository, 'blobs', '77d0'), [10, 20], 8);
    const linked = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'].map(
      (name, index) => {
        const file = join(repository, 'snapshots/abc', name);
        symlinkSync(join('../../blobs', index === 0 ? '3f2a' : '77d0'), file);
        return { name, dtype: 'float32', shape: [2], file, offset: 8, byteLength: 8 } as const;
      },
    );
    expect(await total(...linked)).toBe(33);
  });

  it('of other types, and empty', async () => {
    const file = join(directory(), 'integers');
    writeFileSync(file, new Uint8Array(BigInt64Array.of(7n, -8n).buffer));
    const integers = { name: 'i', dtype: 'int64', shape: [2], file, offset: 0, byteLength: 16 } as const;
    const bytes = { name: 'b', dtype: 'int8', shape: [2, 1], file, offset: 0, byteLength: 2 } as const;
    const empty = { name: 'e', dtype: 'float32', shape: [0, 4], file, offset: 16, byteLength: 0 } as const;
    const found = await evaluate(() => ({ i: weight(integers), b: weight(bytes), e: weight(empty) }));
    expect(found.i.data).toEqual(BigInt64Array.of(7n, -8n));
    expect(found.b.data).toEqual(Int8Array.of(7, 0));
    expect(found.e.shape).toEqual([0, 4]);
  });

  it('a missing file and a file cut short are named', async () => {
    const file = join(directory(), 'model.safetensors');
    const region = stored(file, [1, 2], 8);
    await expect(total({ ...region, name: 'w', file: `${file}.gone` })).rejects.toThrow(
      `weight 'w': cannot open ${file}.gone`,
    );
    await expect(total({ ...region, name: 'w', offset: 16 })).rejects.toThrow(
      `weight 'w' ends at byte 24 of ${file}, which has 19: is the file incomplete?`,
    );
    rmSync(file);
    await expect(total(region)).rejects.toBeInstanceOf(CompileError);
  });
});

describe('what cannot be compiled', () => {
  const x = tensorType('float32', ['n']);

  it('an input that is not in the signature, or is another', async () => {
    await expect(compile(() => ({ y: add(input('stray', x), 1) }), {})).rejects.toThrow(
      "the function uses an input 'stray' that is not in its signature",
    );
    const foreign = input('x', tensorType('float32', ['m', 2]));
    await expect(compile(() => ({ y: add(foreign, 1) }), { x })).rejects.toThrow(
      "uses an input 'x' of float32[m, 2], its signature declares float32[n]",
    );
  });

  it('an output with the name of an input', async () => {
    await expect(compile(({ x }) => ({ x: add(x, 1) }), { x })).rejects.toThrow(
      "output 'x' has the name of an input: give it another",
    );
    const same = await compile(({ x }) => ({ x }), { x });
    expect(numbersOf((await same.run({ x: arrayOf([1], 4) })).x)).toEqual([4]);
    await same.release();
  });

  it('an extent that no input has', async () => {
    await expect(compile(({ x }) => ({ x2: x, y: full(['m'], 1) }), { x })).rejects.toThrow(
      "the extent 'm' appears in no input",
    );
  });

  it('a signature whose extents are none', async () => {
    const broken = { x: { dtype: 'float32', shape: ['n-1'] } } as const;
    await expect(compile(({ x }) => ({ y: x }), broken)).rejects.toBeInstanceOf(ShapeError);
    expect(() => tensorType('float32', [-1])).toThrow(ShapeError);
  });

  it.each([
    ["'dml' of another system", 'dml', "use 'cpu', or another"],
    ["'cuda' without its library", 'cuda', "use 'cpu', or install what 'cuda' needs"],
    ['one that does not exist', 'gpu', "use 'cpu', or another"],
  ])('an execution provider that is not there: %s', async (_name, provider, remedy) => {
    const executionProvider = provider as NonNullable<RuntimeOptions['executionProvider']>;
    const elsewhere = compile(({ x }) => ({ y: add(x, 1) }), { x }, { executionProvider });
    await expect(elsewhere).rejects.toBeInstanceOf(CompileError);
    await expect(elsewhere).rejects.toThrow(
      `execution provider '${provider}' is not available here. ONNX Runtime says: `,
    );
    await expect(elsewhere).rejects.toThrow(remedy);
  });
});

describe('options and release', () => {
  it('threads and prepacked weights change nothing in the result', async () => {
    const w = constant(arrayOf([2, 2], 1, 2, 3, 4));
    for (const options of [{ threads: 1 }, { threads: 2, prepackWeights: true }]) {
      const executable = await compile(
        ({ x }) => ({ y: matmul(x, w) }),
        { x: tensorType('float32', ['n', 2]) },
        options,
      );
      expect(numbersOf((await executable.run({ x: arrayOf([1, 2], 1, 1) })).y)).toEqual([4, 6]);
      await executable.release();
    }
  });

  it('a released executable cannot run', async () => {
    const executable = await compile(({ x }) => ({ y: add(x, 1) }), { x: tensorType('float32', [1]) });
    await executable.release();
    await expect(executable.run({ x: arrayOf([1], 1) })).rejects.toThrow('disposed');
  });

  it('a function of nothing has a value', async () => {
    const executable = await compile(() => ({ y: add(scalar(1), scalar(2)) }), {});
    expect(numbersOf((await executable.run({})).y)).toEqual([3]);
    await executable.release();
  });
});

it('reports what fails while running as an ExecutionError', async () => {
  const executable = await compile(({ x, rows }) => ({ y: gather(x, rows) }), {
    x: tensorType('float32', [2, 3]),
    rows: tensorType('int64', ['n']),
  });
  const x = hostArray(new Float32Array(6), [2, 3]);
  await expect(executable.run({ x, rows: hostArray(BigInt64Array.of(7n), [1]) })).rejects.toSatisfy(
    ExecutionError.isInstance,
  );
  await executable.release();
  await expect(executable.run({ x, rows: hostArray(BigInt64Array.of(1n), [1]) })).rejects.toSatisfy(
    ExecutionError.isInstance,
  );
});
