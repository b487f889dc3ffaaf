/**
 * What a training step of the Qwen2.5-0.5B shape asks of a machine, against what this machine gives.
 *
 *     npx -y pnpm@12 exec node --conditions=safetune-source benchmarks/roofline.ts [tokens ...]
 *
 * Floating-point operations are counted from the shapes, a multiplication and an addition as two; bytes are those of weights
 * and of the largest activations, each read or written once per product it takes part in. Rates are measured here: that of
 * a product of the model's own shape in ONNX Runtime, and that of copying memory, both per second of CPU time, so that others'
 * work counts little.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  compile,
  constant,
  exactIntegerTypes,
  hostArray,
  type IntegerType,
  matmul,
  quantizedMatmul,
  type Tensor,
  tensorType,
} from '@safetune/tensor';
import { modelShapes } from './checkpoints.ts';
import type { Results } from './report.ts';

const shape = modelShapes['qwen2.5-0.5b'];
const threads = 2;
const rank = 32;
const bytesPerFloat = 4;

interface Cost {
  readonly operations: number;
  readonly bytes: number;
}

/** Parts of one step with LoRA on all seven projections, cross-entropy over all positions. */
function stepCosts(tokens: number): Record<string, Cost> {
  const {
    hidden_size: hidden,
    intermediate_size: wide,
    num_hidden_layers: layers,
    vocab_size: vocabulary,
  } = shape;
  const keyValue = (hidden / shape.num_attention_heads) * shape.num_key_value_heads;
  const projections = [
    [hidden, hidden],
    [hidden, keyValue],
    [hidden, keyValue],
    [hidden, hidden],
    [hidden, wide],
    [hidden, wide],
    [wide, hidden],
  ] as const;
  const sum = (value: (inputs: number, outputs: number) => number) =>
    layers * projections.reduce((total, [inputs, outputs]) => total + value(inputs, outputs), 0);
  const weights = sum((inputs, outputs) => inputs * outputs);
  const factors = sum((inputs, outputs) => rank * (inputs + outputs));
  const throughProjections = sum((inputs, outputs) => inputs + outputs);
  const scores = layers * shape.num_attention_heads * tokens ** 2;
  const logits = vocabulary * tokens;
  // Frozen weights have a product forward and one backward; the factors of LoRA have a third, for their own gradient.
  return {
    'frozen projections': {
      operations: 2 * 2 * weights * tokens,
      bytes: 2 * bytesPerFloat * (weights + throughProjections * tokens),
    },
    LoRA: {
      operations: 3 * 2 * factors * tokens,
      bytes: 3 * bytesPerFloat * (factors + throughProjections * tokens),
    },
    // Scores and weighted values, forward; two products each, backward. The causal half that is masked is computed too.
    attention: {
      operations: 3 * 2 * 2 * scores * (hidden / shape.num_attention_heads),
      bytes: 3 * 3 * bytesPerFloat * scores,
    },
    'output layer': {
      operations: 2 * 2 * vocabulary * hidden * tokens,
      bytes: 2 * bytesPerFloat * vocabulary * hidden + 6 * bytesPerFloat * logits,
    },
    AdamW: { operations: 12 * factors, bytes: 7 * bytesPerFloat * factors },
  };
}

/** Seconds of CPU time that one call takes: the least of several, as what the machine can do is asked. */
async function cpuSeconds(repeat: () => unknown, times = 25): Promise<number> {
  await repeat();
  const samples: number[] = [];
  for (let index = 0; index < times; index++) {
    const before = process.cpuUsage();
    await repeat();
    const { user, system } = process.cpuUsage(before);
    samples.push((user + system) / 1e6);
  }
  return Math.min(...samples);
}

/** Operations a second of all threads together, in products of rows with a frozen projection [wide, hidden]. */
async function productRate(
  tokens: number,
  product: (x: Tensor, wide: number, hidden: number) => Tensor,
): Promise<number> {
  const { hidden_size: hidden, intermediate_size: wide } = shape;
  const executable = await compile(
    ({ x }) => ({ y: product(x, wide, hidden) }),
    { x: tensorType('float32', [tokens, hidden]) },
    { threads, prepackWeights: true },
  );
  const x = hostArray(waves(tokens * hidden), [tokens, hidden]);
  const seconds = await cpuSeconds(() => executable.run({ x }));
  await executable.release();
  return (threads * 2 * tokens * hidden * wide) / seconds;
}

const waves = (length: number) => Float32Array.from({ length }, (_, i) => Math.sin(i));

function floatProduct(x: Tensor, wide: number, hidden: number): Tensor {
  return matmul(x, constant(hostArray(waves(wide * hidden), [wide, hidden])), { transposeB: true });
}

/** With the rounding of the rows, as a step does it. */
function integerProduct(type: IntegerType): (x: Tensor, wide: number, hidden: number) => Tensor {
  return (x, wide, hidden) => {
    const steps = waves(wide * hidden).map((value) => Math.trunc(127 * value));
    const values = type === 'int8' ? Int8Array.from(steps) : Uint8Array.from(steps, (value) => value + 128);
    const scale = constant(hostArray(new Float32Array(wide).fill(1 / 127), [wide]));
    return quantizedMatmul(
      x,
      { values: constant(hostArray(values, [wide, hidden])), scale },
      { transposeB: true },
    );
  };
}

/** Bytes a second, read and written, of one thread copying. */
async function copyRate(): Promise<number> {
  const [from, to] = [new Float32Array(2 ** 26).fill(1), new Float32Array(2 ** 26).fill(2)];
  return (2 * from.byteLength) / (await cpuSeconds(() => to.set(from)));
}

async function measuredStep(name: string): Promise<number | undefined> {
  const text = await readFile(join(import.meta.dirname, 'results.json'), 'utf8').catch(() => '{"cases":[]}');
  return (JSON.parse(text) as Results).cases.find((each) => each.name === name)?.ours.seconds;
}

function printFloor(name: string, floor: number, measured: number | undefined): void {
  const share = (seconds: number) =>
    `; measured: ${seconds.toFixed(2)} s, of which that is ${((100 * floor) / seconds).toFixed(0)} %`;
  console.log(
    `${name}: products take ${floor.toFixed(2)} s a step${measured === undefined ? '' : share(measured)}`,
  );
}

const bandwidth = await copyRate();
const types = await exactIntegerTypes();
const lengths = process.argv.length > 2 ? process.argv.slice(2).map(Number) : [256, 512];
for (const tokens of lengths) {
  const rate = await productRate(tokens, floatProduct);
  // The first is the one that models take.
  const integerRates: number[] = [];
  for (const type of types) integerRates.push(await productRate(tokens, integerProduct(type)));
  const integerRate = integerRates[0] ?? Number.NaN;
  const giga = (value: number) => (value / 1e9).toFixed(0);
  const costs = Object.entries(stepCosts(tokens));
  console.log(
    `T = ${tokens}, ${threads} threads: float32 products at ${giga(rate)} GFLOP/s, int8 products ` +
      `${types.map((type, index) => `with ${type} weights at ${giga(integerRates[index]!)} GOP/s`).join(', ')}, ` +
      `copies at ${(bandwidth / 1e9).toFixed(1)} GB/s\n`,
  );
  console.log('| part | GFLOP | s in float32 | s in int8 | GB | s |\n|---|---|---|---|---|---|');
  // LoRA's factors and attention are float32 in either precision.
  const isFrozen = (name: string) => name === 'frozen projections' || name === 'output layer';
  const total = { operations: 0, bytes: 0, float32: 0, int8: 0 };
  const row = (name: string, { operations, bytes, float32, int8 }: typeof total) =>
    `| ${name} | ${(operations / 1e9).toFixed(1)} | ${float32.toFixed(2)} | ${int8.toFixed(2)} | ` +
    `${(bytes / 1e9).toFixed(2)} | ${(bytes / bandwidth).toFixed(2)} |`;
  for (const [name, { operations, bytes }] of costs) {
    const part = {
      operations,
      bytes,
      float32: operations / rate,
      int8: operations / (isFrozen(name) ? integerRate : rate),
    };
    console.log(row(name, part));
    for (const key of Object.keys(total) as (keyof typeof total)[]) total[key] += part[key];
  }
  console.log(`${row('step', total)}\n`);
  printFloor('float32', total.float32, await measuredStep(`fp32-${tokens}`));
  printFloor('int8', total.int8, await measuredStep(`int8-${tokens}`));
  console.log('');
}
