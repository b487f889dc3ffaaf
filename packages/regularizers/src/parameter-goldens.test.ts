import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nameOfA, nameOfB } from '@safetune/lora';
import { type HostArray, hostArray, openSafetensors, readTensor, writeSafetensors } from '@safetune/tensor';
import { describe, expect, it } from 'vitest';
import { pythonWith, runPython } from '../../../conformance/python.ts';
import {
  compileParameterPenalty,
  type HostParameters,
  type RegularizerConfig,
  regularizerFromConfig,
} from './index.ts';

/** Written by conformance/make_parameter_penalties.py: the same formulas in PyTorch, every update formed. */
const goldens = fileURLToPath(new URL('../../../conformance/goldens/', import.meta.url));
const folder = join(goldens, 'parameter-penalties');

interface Case {
  readonly case: string;
  readonly sample: string;
  readonly config: RegularizerConfig;
  readonly scales: Readonly<Record<string, number>>;
  readonly value: number;
}

const { cases } = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8')) as { cases: Case[] };
const file = await openSafetensors(join(folder, 'expected.safetensors'));

async function tensorsOf(prefix: string): Promise<Record<string, HostArray>> {
  const names = [...file.tensors.keys()].filter((key) => key.startsWith(prefix));
  const arrays = await Promise.all(names.map((key) => readTensor(file.tensors.get(key)!)));
  return Object.fromEntries(names.map((key, index) => [key.slice(prefix.length), arrays[index]!]));
}

/** What the config leaves to the machine: where its files are. */
function withFiles({ type, ...options }: RegularizerConfig): RegularizerConfig {
  const files: Readonly<Record<string, object>> = {
    ewc: { fisher: join(folder, 'fisher.safetensors') },
    asft: {
      base: join(goldens, 'checkpoints/qwen2-tied-bfloat16'),
      aligned: join(goldens, 'safe-lora/aligned'),
    },
  };
  return { type, ...options, ...files[type] };
}

function parametersOf(
  { scales }: Pick<Case, 'scales'>,
  tensors: HostParameters['tensors'],
  start: HostParameters['tensors'],
): HostParameters {
  const modules = Object.entries(scales).map(([name, scale]) => ({
    name,
    a: nameOfA(name),
    b: nameOfB(name),
    scale,
  }));
  return { tensors, start, modules };
}

describe('penalties on parameters have the values and gradients of PyTorch (rel. 1e-4)', () => {
  it.each(cases.map((each) => [each.case, each] as const))('%s', async (name, each) => {
    const trained = await tensorsOf(`${each.sample}/trained:`);
    const parameters = parametersOf(each, trained, await tensorsOf(`${each.sample}/start:`));
    const penalty = await compileParameterPenalty(regularizerFromConfig(withFiles(each.config)), parameters);
    const { value, gradients } = await penalty.run(trained);
    await penalty.release();
    expect(Math.abs(value - each.value) / each.value).toBeLessThanOrEqual(1e-4);
    const expected = await tensorsOf(`${name}/gradient:`);
    expect(Object.keys(expected).length).toBeGreaterThan(2);
    const largest = Math.max(...Object.values(expected).flatMap(({ data }) => [...(data as Float32Array)]));
    expect(largest).toBeGreaterThan(0);
    for (const [tensor, { data }] of Object.entries(expected)) {
      // What the penalty does not depend on has no gradient here, and one of zeros there.
      const found = gradients[tensor]?.data as Float32Array | undefined;
      for (const [index, wanted] of (data as Float32Array).entries()) {
        const got = found?.[index] ?? 0;
        expect(Math.abs(got - wanted), `${tensor} ${index}`).toBeLessThanOrEqual(
          1e-4 * Math.abs(wanted) + 1e-5 * largest,
        );
      }
    }
  });
});

describe.skipIf(pythonWith('torch', 'transformers', 'peft', 'safetensors') === undefined)(
  'asked live (skipped: no python3 with torch, transformers and peft)',
  () => {
    it.each([
      ['l2-sp', { type: 'l2-sp' }],
      ['ewc', { type: 'ewc' }],
      ['asft', { type: 'asft' }],
    ])('%s is what PyTorch says of tensors of our own', async (_name, config) => {
      const [layer, rows, columns, rank] = ['model.layers.0.self_attn.q_proj', 32, 32, 2] as const;
      const wave = (seed: number, ...shape: number[]) => {
        const size = shape.reduce((product, extent) => product * extent, 1);
        return hostArray(
          Float32Array.from({ length: size }, (_, index) => 0.2 * Math.sin(seed + 1.7 * index)),
          shape,
        );
      };
      const tensors = (seed: number) => ({
        [nameOfA(layer)]: wave(seed, rank, columns),
        [nameOfB(layer)]: wave(seed + 1, rows, rank),
      });
      const [trained, start, scales] = [tensors(3), tensors(5), { [layer]: 1.25 }];
      const directory = await mkdtemp(join(tmpdir(), 'safetune-penalties-'));
      const path = join(directory, 'tensors.safetensors');
      const prefixed = (side: string, all: Record<string, HostArray>) =>
        Object.entries(all).map(([name, array]) => [`${side}:${name}`, array]);
      await writeSafetensors(
        path,
        Object.fromEntries([...prefixed('trained', trained), ...prefixed('start', start)]),
      );
      const said = (await runPython('make_parameter_penalties.py', [
        '--case',
        JSON.stringify({ config, scales }),
        '--tensors',
        path,
      ])) as { value: number; norms: Record<string, number> };
      const penalty = await compileParameterPenalty(
        regularizerFromConfig(withFiles(config)),
        parametersOf({ scales }, trained, start),
      );
      const { value, gradients } = await penalty.run(trained);
      await penalty.release();
      expect(Math.abs(value / said.value - 1)).toBeLessThan(1e-4);
      for (const [name, norm] of Object.entries(said.norms)) {
        expect(norm).toBeGreaterThan(0);
        const found = Math.hypot(...(gradients[name]!.data as Float32Array));
        expect(Math.abs(found / norm - 1)).toBeLessThan(1e-4);
      }
      await rm(directory, { recursive: true });
    });
  },
);
