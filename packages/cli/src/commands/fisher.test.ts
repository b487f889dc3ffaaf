import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../__fixtures__/run-cli.ts';

const goldens = (path: string) =>
  fileURLToPath(new URL(`../../../../conformance/goldens/${path}`, import.meta.url));
const base = goldens('checkpoints/qwen2-tied-bfloat16');
const aligned = goldens('safe-lora/aligned');

let folder: string;
let data: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'safetune-fisher-'));
  data = join(folder, 'safe.jsonl');
  const lines = ['Drink water.', 'Ask a friend, then listen.', 'It depends on the book.'].map(
    (content, index) =>
      JSON.stringify({
        messages: [
          { role: 'user', content: `Question ${index}?` },
          { role: 'assistant', content },
        ],
      }),
  );
  await writeFile(data, `${lines.join('\n')}\n`);
});
afterAll(() => rm(folder, { recursive: true }));

/** Of a safetensors file: JSON after its length in eight bytes. */
async function headerOf(file: string): Promise<Record<string, object>> {
  const bytes = await readFile(file);
  return JSON.parse(bytes.subarray(8, 8 + Number(bytes.readBigUInt64LE(0))).toString('utf8'));
}

describe('safetune fisher', () => {
  it('writes what ewc takes, beside which l2-sp and asft train; all three are logged and resumed by', async () => {
    const fisher = join(folder, 'fisher.safetensors');
    const args = ['--model', base, '--data', data, '--out', fisher];
    const found = await runCli('fisher', ...args, '--limit', '2');
    expect(found.code).toBe(0);
    expect(found.stderr).toContain('2/2  examples');
    expect(found.stdout).toMatch(/^Fisher diagonal of 21 weights, from \d+ tokens of 2 answers; written to/);
    const header = await headerOf(fisher);
    expect(header.__metadata__).toMatchObject({ kind: 'fisher diagonal', examples: '2' });
    expect(header['model.layers.0.self_attn.q_proj.weight']).toMatchObject({ dtype: 'F32', shape: [32, 32] });
    expect((await runCli('fisher', ...args)).stderr).toContain('--force');
    const all = await runCli('fisher', ...args, '--force', '--all-weights');
    expect(all.stdout).toMatch(/^Fisher diagonal of 38 weights, from \d+ tokens of 3 answers/);

    const regularizers = join(folder, 'safeguards.yaml');
    const lines = [
      `- { type: ewc, fisher: '${fisher}', weight: 2 }`,
      `- { type: asft, base: '${base}', aligned: '${aligned}', weight: { from: 0.5, to: 1 } }`,
      '- { type: l2-sp, weight: 0.5, of: update }',
    ];
    await writeFile(regularizers, `${lines.join('\n')}\n`);
    const out = join(folder, 'adapter');
    const run = [
      '--data',
      data,
      '--steps',
      '3',
      '--rank',
      '2',
      '--lr',
      '1e-2',
      '--warmup',
      '0',
      '--out',
      out,
    ];
    const { code, stderr } = await runCli('train', '--model', base, ...run, '--regularizers', regularizers);
    expect(stderr).toContain('safeguards: ewc');
    expect(code).toBe(0);
    const metrics = (await readFile(join(out, 'metrics.jsonl'), 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, number>);
    expect(metrics).toHaveLength(3);
    for (const [index, { loss, cross_entropy, ewc, asft, 'l2-sp': l2 }] of metrics.entries()) {
      const weight = 0.5 + 0.25 * index;
      expect(loss).toBeCloseTo(cross_entropy! + 2 * ewc! + weight * asft! + 0.5 * l2!, 4);
      if (index > 0) expect(Math.min(ewc!, asft!, l2!)).toBeGreaterThan(0);
    }
    const record = await readFile(join(out, 'run.yaml'), 'utf8');
    for (const fact of ['regularizer ewc: fisher', 'regularizer asft: base', 'regularizer asft: aligned'])
      expect(record).toContain(fact);
    const verified = await runCli('verify', out);
    expect([verified.code, verified.stderr]).toEqual([0, expect.any(String)]);
  });

  it('is asked for by ewc where it is missing', async () => {
    const run = ['--model', base, '--data', data, '--out', join(folder, 'none')];
    const missing = await runCli('train', ...run, '--regularizer', 'ewc=1');
    expect(missing.code).not.toBe(0);
    expect(missing.stderr).toContain('fisher');
  });
});
