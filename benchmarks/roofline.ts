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
import { compile, hostArray, matmul, tensorType } from '@safetune/tensor';
import { modelShapes } from './checkpoints.ts';
import type { Results } from './report.ts';
import { median } from './run-program.ts';

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

/** Seconds of CPU time that one call takes: the median of several. */
async function cpuSeconds(repeat: () => unknown, times = 9): Promise<number> {
  await repeat();
  const samples: number[] = [];
  for (let index = 0; index < times; index++) {
    const before = process.cpuUsage();
    await repeat();
    const { user, system } = process.cpuUsage(before);
    samples.push((user + system) / 1e6);
  }
  return median(samples);
}

/** Operations a second of all threads together, in products of a frozen projection. */
async function productRate(tokens: number): Promise<number> {
  const { hidden_size: hidden, intermediate_size: wide } = shape;
  const signature = { x: tensorType('float32', [tokens, hidden]), w: tensorType('float32', [wide, hidden]) };
  const product = await compile(({ x, w }) => ({ y: matmul(x, w, { transposeB: true }) }), signature, {
    threads,
  });
  const values = (rows: number) =>
    hostArray(
      Float32Array.from({ length: rows * hidden }, (_, i) => Math.sin(i)),
      [rows, hidden],
    );
  const [x, w] = [values(tokens), values(wide)];
  const seconds = await cpuSeconds(() => product.run({ x, w }));
  await product.release();
  return (threads * 2 * tokens * hidden * wide) / seconds;
}

/** Bytes a second, read and written, of one thread copying. */
async function copyRate(): Promise<number> {
  const [from, to] = [new Float32Array(2 ** 26).fill(1), new Float32Array(2 ** 26).fill(2)];
  return (2 * from.byteLength) / (await cpuSeconds(() => to.set(from)));
}

async function measuredStep(tokens: number): Promise<number | undefined> {
  const text = await readFile(join(import.meta.dirname, 'results.json'), 'utf8').catch(() => '{"cases":[]}');
  return (JSON.parse(text) as Results).cases.find(({ name }) => name === `fp32-${tokens}`)?.ours.seconds;
}

const bandwidth = await copyRate();
for (const tokens of process.argv
  .slice(2)
  .map(Number)
  .concat(process.argv.length > 2 ? [] : [256, 512])) {
  const rate = await productRate(tokens);
  const costs = Object.entries(stepCosts(tokens));
  console.log(
    `T = ${tokens}: products at ${(rate / 1e9).toFixed(0)} GFLOP/s (${threads} threads), copies at ${(bandwidth / 1e9).toFixed(1)} GB/s\n`,
  );
  console.log('| part | GFLOP | seconds at that rate | GB | seconds at that rate |\n|---|---|---|---|---|');
  const row = (name: string, { operations, bytes }: Cost) =>
    `| ${name} | ${(operations / 1e9).toFixed(1)} | ${(operations / rate).toFixed(2)} | ${(bytes / 1e9).toFixed(2)} | ${(bytes / bandwidth).toFixed(2)} |`;
  for (const [name, cost] of costs) console.log(row(name, cost));
  const total = costs.reduce(
    (sum, [, cost]) => ({ operations: sum.operations + cost.operations, bytes: sum.bytes + cost.bytes }),
    {
      operations: 0,
      bytes: 0,
    },
  );
  console.log(row('step', total));
  const measured = await measuredStep(tokens);
  if (measured !== undefined) {
    const share = (100 * total.operations) / rate / measured;
    console.log(
      `\nmeasured: ${measured.toFixed(2)} s a step, of which the products' floor is ${share.toFixed(0)} %`,
    );
  }
  console.log('');
}
