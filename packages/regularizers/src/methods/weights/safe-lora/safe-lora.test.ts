import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { copyLoraAdapter, loadLoraAdapter } from '@safetune/lora';
import { describe, expect, it } from 'vitest';
import {
  type ProjectionReport,
  projectAdapter,
  RegularizerOptionError,
  regularizerFromConfig,
  SafetyDirectionError,
  safeLora,
} from '../../../index.ts';

const goldens = fileURLToPath(new URL('../../../../../../conformance/goldens/', import.meta.url));
const pair = {
  base: join(goldens, 'checkpoints/qwen2-tied-bfloat16'),
  aligned: join(goldens, 'safe-lora/aligned'),
};
const load = () => loadLoraAdapter(join(goldens, 'safe-lora/adapter'));

describe('safeLora', () => {
  it('projects once at the end by default, as projectAdapter does', async () => {
    const [adapter, wanted] = [await load(), await load()];
    const reports: [number, number | undefined][] = [];
    const onReport = ({ modules }: ProjectionReport, step?: number) =>
      reports.push([modules.filter(({ projected }) => projected).length, step]);
    const regularizer = safeLora({ ...pair, threshold: 0.6, onReport });
    expect(regularizer.afterStep).toBeUndefined();
    await regularizer.afterTraining!(adapter);
    await projectAdapter(wanted, { ...pair, threshold: 0.6 });
    expect(adapter.parameters).toEqual(wanted.parameters);
    expect(reports).toEqual([[12, undefined]]);
  });

  it('projects every n steps, and at the end only when asked to', async () => {
    const adapter = await load();
    const before = copyLoraAdapter(adapter);
    const steps: (number | undefined)[] = [];
    const onReport = (_report: ProjectionReport, step?: number) => steps.push(step);
    const options = { ...pair, method: 'exact', rank: 3, layers: 2, onReport } as const;
    const everyThird = safeLora({ ...options, when: { every: 3 } });
    expect(everyThird.afterTraining).toBeUndefined();
    for (const step of [1, 2]) await everyThird.afterStep!(adapter, step);
    expect(adapter.parameters).toEqual(before.parameters);
    for (const step of [3, 4, 5, 6]) await everyThird.afterStep!(adapter, step);
    expect(adapter.parameters).not.toEqual(before.parameters);
    const both = safeLora({ ...options, when: { every: 3, end: true } });
    await both.afterTraining!(adapter);
    expect(steps).toEqual([3, 6, undefined]);
  });

  it('comes back from its config', async () => {
    const [adapter, again] = [await load(), await load()];
    const regularizer = safeLora({
      ...pair,
      method: 'exact',
      energy: 0.8,
      layers: 4,
      when: { every: 2, end: true },
    });
    const config = JSON.parse(JSON.stringify(regularizer.config));
    expect(config).toEqual({
      type: 'safe-lora',
      ...pair,
      method: 'exact',
      energy: 0.8,
      layers: 4,
      when: { every: 2, end: true },
    });
    await regularizer.afterTraining!(adapter);
    await regularizerFromConfig(config).afterTraining!(again);
    expect(again.parameters).toEqual(adapter.parameters);
  });

  it('opens both checkpoints before training, reads no weight and changes nothing', async () => {
    const [adapter, before] = [await load(), await load()];
    for (const when of ['end', { every: 3 }] as const) {
      await safeLora({ ...pair, when }).beforeTraining!(adapter);
      const elsewhere = safeLora({ ...pair, aligned: join(goldens, 'nowhere'), when });
      await expect(elsewhere.beforeTraining!(adapter)).rejects.toThrow(/nowhere/);
      const swapped = safeLora({ ...pair, base: join(goldens, 'checkpoints/llama-untied-float32'), when });
      await expect(swapped.beforeTraining!(adapter)).rejects.toSatisfy(SafetyDirectionError.isInstance);
    }
    expect(adapter.parameters).toEqual(before.parameters);
  });

  it('refuses options that have no meaning, at once', () => {
    expect(() => safeLora({ ...pair, when: { every: 0 } })).toThrow(RegularizerOptionError);
    expect(() => safeLora({ ...pair, base: '' })).toThrow(/base is missing/);
    expect(() => safeLora({ ...pair, method: 'exact' } as never)).toThrow(/needs a rank or an energy/);
    expect(() => regularizerFromConfig({ type: 'safe-lora', threshold: 0.5 })).toThrow(/base/);
    expect(() => regularizerFromConfig({ type: 'safe-lora', ...pair, treshold: 0.5 })).toThrow(/treshold/);
  });
});
