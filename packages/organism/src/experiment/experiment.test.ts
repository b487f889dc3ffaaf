import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadLoraAdapter } from '@safetune/lora';
import { kl } from '@safetune/regularizers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { growTiny } from '../__fixtures__/small-organisms.ts';
import { type Defense, fixedDefense } from '../defenses/defense.ts';
import { alignedModel, noDefense } from '../defenses/standard-defenses.ts';
import { benignTasks, narrowTasks } from '../tasks/fine-tune-task.ts';
import { type ExperimentProgress, runExperiment } from './experiment.ts';
import { experimentReport } from './experiment-report.ts';
import { writeExperimentReport } from './write-experiment-report.ts';

let organism: Awaited<ReturnType<typeof growTiny>>;
let directory: string;
beforeAll(async () => {
  organism = await growTiny();
});
afterAll(() => organism.remove());
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'safetune-experiment-'));
});
afterEach(() => rm(directory, { recursive: true }));

const plan = {
  defenses: [alignedModel, noDefense, fixedDefense('kl', 0.1, kl({ weight: 0.1 }))] as readonly Defense[],
  tasks: [...narrowTasks(['medical', 'code']), ...benignTasks(['operation-swap'])],
  seeds: [0, 1],
};
const text = (...path: string[]) => readFile(join(directory, ...path), 'utf8');

describe('runExperiment', () => {
  it('measures every defense on every task with every seed', async () => {
    const runs = await runExperiment(organism, plan, { directory });
    expect(runs.map(({ defense, task, seed }) => `${defense} ${task.name} ${seed}`)).toEqual(
      ['aligned', 'none', 'kl'].flatMap((defense) =>
        ['medical', 'code', 'operation-swap'].flatMap((task) =>
          [0, 1].map((seed) => `${defense} ${task} ${seed}`),
        ),
      ),
    );
    const [aligned, , , , swap] = runs;
    expect(aligned).toMatchObject({ crossEntropy: [] });
    expect(aligned!.general).toHaveLength(210);
    expect(aligned!.inDomain).toHaveLength(15);
    for (const outcomes of aligned!.inDomain!) expect(outcomes).toMatch(/^[shir]{2}$/);
    expect(aligned!.conditional).toHaveLength(70);
    expect(aligned!.conditional!.join('')).toMatch(/^[shir]{70}$/);
    expect(swap!.passed).toHaveLength(100);
    const none = runs[6]!;
    expect(none.crossEntropy).toHaveLength(5);
    expect(none.crossEntropy[0]).toBeGreaterThan(0);
    expect(none.samples.map(({ kind }) => kind)).toEqual([
      ...Array(7).fill('general'),
      ...Array(3).fill('in-domain'),
    ]);

    const adapter = await loadLoraAdapter(join(directory, 'adapters', 'kl-0.1-medical'));
    expect(adapter.config).toMatchObject({
      r: 8,
      use_rslora: true,
      base_model_name_or_path: organism.alignedDirectory,
    });
    expect(adapter.modules.some(({ b }) => (b.data as Float32Array).some((value) => value !== 0))).toBe(true);
    await expect(stat(join(directory, 'adapters', 'aligned-medical'))).rejects.toThrow('ENOENT');
  });

  it('gives the same report, byte for byte, after an interruption as without one', async () => {
    const small = { ...plan, tasks: narrowTasks(['medical']) };
    const whole = await runExperiment(organism, small);
    await writeExperimentReport(directory, organism, small, whole);
    const [json, html] = [await text('report.json'), await text('report.html')];

    const interruption = new AbortController();
    const seen: ExperimentProgress[] = [];
    const stopped = runExperiment(organism, small, {
      directory,
      signal: interruption.signal,
      onProgress: (progress) => {
        seen.push(progress);
        if (progress.label === 'none' && progress.seed === 1 && progress.step?.step === 3) {
          interruption.abort(new Error('stop'));
        }
      },
    });
    await expect(stopped).rejects.toThrow('stop');
    expect(seen.at(-1)).toMatchObject({ finished: 3, total: 6, label: 'none', seed: 1 });
    expect(seen.at(-1)!.secondsLeft).toBeGreaterThan(0);

    const resumed: string[] = [];
    const runs = await runExperiment(organism, small, {
      directory,
      onProgress: ({ label, seed, step, finished }) =>
        step === undefined && resumed.push(`${label} ${seed} ${finished}`),
    });
    expect(resumed).toEqual(['none 1 4', 'kl 0.1 0 5', 'kl 0.1 1 6']);
    await writeExperimentReport(directory, organism, small, runs);
    expect(await text('report.json')).toBe(json);
    expect(await text('report.html')).toBe(html);
  });

  it('takes up what another plan has finished, and writes an adapter that is missing', async () => {
    const small = { defenses: [noDefense], tasks: narrowTasks(['medical']), seeds: [0] };
    const [first] = await runExperiment(organism, small, { directory });
    const finished: string[] = [];
    const note = ({ label, seed, step }: ExperimentProgress) =>
      step === undefined && finished.push(`${label} ${seed}`);
    const both = await runExperiment(organism, { ...small, seeds: [0, 1] }, { directory, onProgress: note });
    expect(finished).toEqual(['none 1']);
    expect(both[0]).toEqual(first);
    expect(both[1]!.crossEntropy).not.toEqual(both[0]!.crossEntropy);

    await rm(join(directory, 'adapters'), { recursive: true });
    await runExperiment(organism, small, { directory, onProgress: note });
    expect(finished).toEqual(['none 1', 'none 0']);
    expect((await loadLoraAdapter(join(directory, 'adapters', 'none-medical'))).modules).toHaveLength(14);
  });
});

describe('the report', () => {
  it('holds every number, and a page without anything from elsewhere', async () => {
    const runs = await runExperiment(organism, plan);
    const report = experimentReport(organism, plan, runs);
    expect(report.aligned).toMatchObject({ name: 'aligned', strength: null });
    expect(report.defenses.map(({ name, strength }) => [name, strength])).toEqual([
      ['none', null],
      ['kl', 0.1],
    ]);
    for (const row of report.defenses) {
      for (const rate of [row.generalMisaligned, row.generalIncoherent]) {
        expect(rate).toEqual({
          mean: expect.any(Number),
          low: expect.any(Number),
          high: expect.any(Number),
          n: 840,
        });
      }
      expect(row.inDomainMisaligned!.n).toBe(2 * 2 * 15 * 2);
      expect(row.conditionalMisaligned!.n).toBe(2 * 2 * 70);
      expect(row.benign['operation-swap']!.n).toBe(200);
    }
    expect(report.settings).toMatchObject({ tasks: ['medical', 'code', 'operation-swap'], seeds: [0, 1] });
    expect(report.organism).toMatchObject({ worldSeed: 1, alignedDirectory: organism.alignedDirectory });
    expect(report.findings.map(({ about }) => about)).toEqual(['none', 'kl 0.1']);

    const { json, html } = await writeExperimentReport(directory, organism, plan, runs);
    expect(JSON.parse(await readFile(json, 'utf8'))).toEqual(structuredClone(report));
    const page = await readFile(html, 'utf8');
    expect(page.match(/<svg /g)).toHaveLength(7);
    for (const part of [
      'The four criteria, by defense',
      'General against in-domain',
      'Training loss',
      'kl 0.1',
    ]) {
      expect(page).toContain(part);
    }
    expect(page).toContain(runs[6]!.samples[0]!.question);
    expect(page.replaceAll('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:\/\/|<script|<img|src=/);
  });
});
