import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  CombineAdaptersError,
  copyLoraAdapter,
  createLoraAdapter,
  type LoraAdapter,
  loadLoraAdapter,
  weightUpdate,
} from '@safetune/lora';
import { type HostArray, openSafetensors, readTensor } from '@safetune/tensor';
import { describe, expect, it } from 'vitest';
import { RegularizerOptionError, safeMerge, safeMergeFiles } from '../../../index.ts';

/** Made by conformance/make_weight_edits.py. */
const goldens = fileURLToPath(new URL('../../../../../../conformance/goldens/', import.meta.url));
const folders = {
  adapter: join(goldens, 'safe-lora', 'adapter'),
  safe: join(goldens, 'weight-edits', 'safe-adapter'),
};
const pair = {
  base: join(goldens, 'checkpoints', 'qwen2-tied-bfloat16'),
  aligned: join(goldens, 'safe-lora', 'aligned'),
};
const { safeMerge: expected } = JSON.parse(
  await readFile(join(goldens, 'weight-edits', 'expected.json'), 'utf8'),
) as {
  safeMerge: { threshold: number; share: number; cosines: Record<string, number>; merged: string[] };
};
const updates = await openSafetensors(join(goldens, 'weight-edits', 'safe-merge.safetensors'));
const load = async () => ({
  adapter: await loadLoraAdapter(folders.adapter),
  safe: await loadLoraAdapter(folders.safe),
});
const { threshold, share } = expected;

function relativeError(actual: HostArray, wanted: HostArray): number {
  let [difference, size] = [0, 0];
  for (let at = 0; at < wanted.size; at++) {
    difference += (Number(actual.data[at]) - Number(wanted.data[at])) ** 2;
    size += Number(wanted.data[at]) ** 2;
  }
  return Math.sqrt(difference / size);
}

async function expectUpdates(adapter: LoraAdapter, combination: string): Promise<void> {
  for (const module of adapter.modules) {
    const wanted = await readTensor(updates.tensors.get(`${combination}.${module.name}`)!);
    expect(relativeError(weightUpdate(module), wanted), module.name).toBeLessThan(1e-4);
  }
}

describe("safeMerge against the authors' arithmetic, by peft and PyTorch", () => {
  it.each(['linear', 'svd'] as const)('%s: the same decisions and updates', async (combination_type) => {
    const adapters = await load();
    const before = copyLoraAdapter(adapters.adapter).parameters;
    const { adapter, modules } = await safeMerge(adapters, { ...pair, threshold, share, combination_type });
    expect(modules.map(({ name }) => name)).toEqual(adapters.adapter.modules.map(({ name }) => name));
    const merged = modules.filter((module) => module.merged).map(({ name }) => name);
    expect(merged.sort()).toEqual([...expected.merged].sort());
    for (const { name, cosine } of modules) {
      // Without a direction there is no cosine; the authors' code calls it 0.
      if (expected.cosines[name] === 0) expect(cosine).toBeNaN();
      else expect(cosine).toBeCloseTo(expected.cosines[name]!, 4);
    }
    await expectUpdates(adapter, combination_type);
    expect(adapters.adapter.parameters).toEqual(before);
  });

  it('from folder to folder', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'safetune-safe-merge-'));
    try {
      const out = join(directory, 'merged');
      const modules = await safeMergeFiles({ ...folders, ...pair, out, threshold, share });
      expect(modules.filter((module) => module.merged).length).toBe(expected.merged.length);
      await expectUpdates(await loadLoraAdapter(out), 'linear');
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});

it('a share of 0, or a threshold that none is below, leaves what was fine-tuned', async () => {
  const adapters = await load();
  for (const options of [
    { threshold: 1, share: 0 },
    { threshold: -1, combination_type: 'cat' },
  ] as const) {
    const { adapter, modules } = await safeMerge(adapters, { ...pair, ...options });
    for (const [index, module] of adapters.adapter.modules.entries()) {
      if (modules[index]!.merged && options.share !== 0) continue;
      expect(relativeError(weightUpdate(adapter.modules[index]!), weightUpdate(module))).toBeLessThan(1e-6);
    }
    expect(modules.filter((module) => module.merged).length).toBe(options.share === 0 ? 21 : 1);
  }
});

it('refuses options out of range, and adapters that cannot be merged', async () => {
  const adapters = await load();
  for (const wrong of [{ threshold: 2 }, { share: -0.1 }, { share: Number.NaN }, { thresold: 0.5 }])
    await expect(safeMerge(adapters, { ...pair, ...wrong } as never)).rejects.toSatisfy(
      RegularizerOptionError.isInstance,
    );
  const fewer = createLoraAdapter(adapters.safe.modules.slice(1), { ...adapters.safe.config });
  await expect(safeMerge({ ...adapters, safe: fewer }, pair)).rejects.toThrow(
    /down_proj' is a module of the fine-tuned adapter alone/,
  );
  await expect(safeMerge({ adapter: fewer, safe: adapters.safe }, pair)).rejects.toThrow(
    /down_proj' is a module of the safe adapter alone/,
  );
  const wider = createLoraAdapter(adapters.safe.modules, { r: 8, target_modules: 'all-linear' });
  const mixed = safeMerge({ ...adapters, safe: wider }, { ...pair, threshold: 1 });
  await expect(mixed).rejects.toSatisfy(CombineAdaptersError.isInstance);
});
