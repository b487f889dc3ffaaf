import { compile, tensorType, scatterAddRows, putAlong, hostArray, add, cast, broadcastTo, reshape } from './index.ts';
for (const kind of ['nd', 'elements'] as const)
for (const width of [1, 8, 64, 896]) {
  const rows = 3, n = Math.floor(400000 / width);
  const exe = await compile(({ u, i }) => ({ y: kind === 'nd' ? scatterAddRows(u, i, rows) : putAlong(u, broadcastTo(reshape(i, ['n', 1]), ['n', width]), [rows, width], 0) }), { u: tensorType('float32', ['n', width]), i: tensorType('int64', ['n']) }, { threads: 4 });
  const u = new Float32Array(n * width).fill(1); const i = BigInt64Array.from({ length: n }, (_, k) => 1n);
  let bad = 0; const t = performance.now();
  for (let r = 0; r < 40; r++) { const { y } = await exe.run({ u: hostArray(u, [n, width]), i: hostArray(i, [n]) }); const d = y.data as Float32Array; for (const [k, v] of d.entries()) if (v !== (k >= width && k < 2 * width ? n : 0)) bad++; }
  console.log(kind, width, n, 'bad', bad, (performance.now() - t) / 40);
}
const exe = await compile(({ x }) => ({ y: add(x, 1), b: cast(x, 'bool'), h: cast(x, 'float16') }), { x: tensorType('float32', ['n']) }); const b = new Float32Array(7); const v = b.subarray(3, 5); const r = (await exe.run({ x: hostArray(Float32Array.of(1, 2), [2]) }, { into: { y: hostArray(v, [2]) } }));
console.log(r.y.data.buffer === b.buffer, r.b.data, r.h.data, r.y.data);
