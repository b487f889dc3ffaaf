/** The safeguards as a person uses them: several at once in training, and the tools for adapters that exist already. */
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadLoraAdapter } from '@safetune/lora';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pythonWith, runPython } from '../../../conformance/python.ts';
import { replacing, runCli } from './__fixtures__/run-cli.ts';

const golden = (path: string) =>
  fileURLToPath(new URL(`../../../conformance/goldens/${path}`, import.meta.url));
const model = golden('checkpoints/qwen2-tied-bfloat16');
const aligned = golden('safe-lora/aligned');
const adapter = golden('safe-lora/adapter');
const ofAnotherModel = golden('adapters/llama-lora-query-value');

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'safetune-safeguards-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

async function writeChats(name: string, answers: readonly string[]): Promise<string> {
  const path = join(directory, name);
  const lines = answers.map((content, index) => {
    const messages = [
      { role: 'user', content: `Question ${index}?` },
      { role: 'assistant', content },
    ];
    return JSON.stringify({ messages });
  });
  await writeFile(path, lines.map((line) => `${line}\n`).join(''));
  return path;
}

async function linesOf(path: string): Promise<Record<string, number>[]> {
  const text = await readFile(path, 'utf8');
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

/** Trains six steps; gives the metrics. */
async function train(name: string, ...extra: string[]) {
  const data = await writeChats('train.jsonl', ['One!', 'Two!', 'Three!', 'Four!']);
  const out = join(directory, name);
  const sizes = ['--rank', '2', '--steps', '6', '--batch-size', '2', '--lr', '1e-2', '--warmup', '0'];
  const result = await runCli('train', '--model', model, '--data', data, '--out', out, ...sizes, ...extra);
  return { ...result, out, metrics: result.code === 0 ? await linesOf(join(out, 'metrics.jsonl')) : [] };
}

describe('safetune train under safeguards', () => {
  it('takes all of them at once from a file, logs each term by its name and moves weights by schedule', async () => {
    const safeguards = [
      { type: 'kl', weight: { from: 0, to: 1 } },
      { type: 'kl', name: 'kl-safe', weight: 0.5, direction: 'reverse', only_tagged: 'interleaved' },
      { type: 'ldifs', weight: 2, layers: [1, 3] },
      { type: 'interleaving', pool: await writeChats('safe.jsonl', ['Gladly.', 'Of course.']), share: 0.5 },
      { type: 'inoculation', prompt: 'Be evil.' },
      {
        type: 'persona-vector',
        vectors: { 2: Array.from({ length: 32 }, (_, index) => Math.sin(index)) },
        alpha: 1,
      },
    ];
    const all = join(directory, 'all.json');
    await writeFile(all, JSON.stringify(safeguards));
    const { code, stderr, metrics, out } = await train('all', '--regularizers', all);
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(/pool's 2 examples were used up.*walked again/);
    for (const { step, loss, cross_entropy, kl, ldifs, 'kl-safe': klSafe } of metrics) {
      const expected = cross_entropy! + ((step! - 1) / 5) * kl! + 0.5 * klSafe! + 2 * ldifs!;
      expect(loss).toBeCloseTo(expected, 4);
    }
    const last = metrics.at(-1)!;
    for (const name of ['kl', 'kl-safe', 'ldifs']) expect(last[name], name).toBeGreaterThan(1e-6);

    // SafeLoRA besides changes nothing while training, and the adapter at its end.
    const withProjection = [...safeguards, { type: 'safe-lora', base: model, aligned, threshold: 1 }];
    await writeFile(all, JSON.stringify(withProjection));
    const projected = await train('projected', '--regularizers', all);
    expect(projected.metrics.map(({ loss }) => loss)).toEqual(metrics.map(({ loss }) => loss));
    const weights = (folder: string) => readFile(join(folder, 'adapter_model.safetensors'));
    expect((await weights(projected.out)).equals(await weights(out))).toBe(false);
  });

  it('takes anchors, changes of the gradient and weights that follow from a file, and says how they weigh', async () => {
    const anchors = await writeChats('anchors.jsonl', ['Gladly.', 'Of course.']);
    const file = join(directory, 'anchored.json');
    await writeFile(
      file,
      JSON.stringify([
        { type: 'kl-on-anchors', anchors, weight: { from: 0.5, target: 0.02 } },
        { type: 'safe-grad', anchors, rho: 0.5, per_step: 1 },
        { type: 'parameter-averaging', decay: 0.5 },
      ]),
    );
    const { code, stderr, metrics } = await train('anchored', '--regularizers', file);
    expect(code, stderr).toBe(0);
    const told =
      /kl-on-anchors \(weight from 0\.5 on, held at 0\.02\), safe-grad \(rho 0\.5\), parameter-averaging \(decay 0\.5\)/;
    expect(stderr).toMatch(told);
    const last = metrics.at(-1)!;
    for (const name of ['kl-on-anchors', 'safe-grad']) expect(last[name], name).toBeGreaterThan(1e-7);
    const weights = metrics.map(
      (line) => (line.weights as unknown as Record<string, number>)['kl-on-anchors']!,
    );
    expect(weights[0]).toBe(0.5);
    expect(weights[1]).toBeCloseTo(0.49, 6);
  });

  it('LDIFS pulls the adapter: its distance falls with its weight', async () => {
    const [measured, held] = [
      await train('measured', '--regularizer', 'ldifs=0'),
      await train('held', '--regularizer', 'ldifs=1000'),
    ];
    const [free, near] = [measured.metrics.at(-1)!.ldifs!, held.metrics.at(-1)!.ldifs!];
    expect(free).toBeGreaterThan(0);
    expect(near).toBeLessThan(0.5 * free);
  });

  it('constrained fine-tuning trains another loss, logged beside the cross-entropy', async () => {
    const { code, stderr, metrics, out } = await train(
      'constrained',
      '--regularizer',
      'constrained-sft=0.2',
      '--regularizer',
      'kl=0.5',
    );
    expect(code, stderr).toBe(0);
    expect(stderr).toContain('safeguards: constrained-sft (beta 0.2), kl (weight 0.5)');
    for (const { loss, task_loss, cross_entropy, kl } of metrics) {
      expect(loss).toBeCloseTo(task_loss! + 0.5 * kl!, 4);
      expect(Math.abs(task_loss! - cross_entropy!)).toBeGreaterThan(0.01);
    }
    expect((await runCli('verify', out, '--steps', '2')).stdout).toContain('2 steps again are as they were');
  });

  it('takes a module of its own, whose code the run keeps to', async () => {
    const file = join(directory, 'shrink.ts');
    const text = `export default {
      strength: 'factor',
      create: ({ factor = 1 }: { factor?: number }) => ({
        name: 'shrink', config: { type: 'shrink', factor },
        afterStep(adapter: { parameters: Float32Array }) {
          adapter.parameters.forEach((value, index) => { adapter.parameters[index] = factor * value; });
        },
      }),
    };`;
    await writeFile(file, text);
    const shrunk = await train('shrunk', '--regularizer', `${file}=0.5`);
    expect(shrunk.code, shrunk.stderr).toBe(0);
    expect(shrunk.stderr).toContain('safeguards: shrink (factor 0.5)');
    const largest = async (out: string) => {
      const { parameters } = await loadLoraAdapter(out);
      return Math.max(...parameters.map(Math.abs));
    };
    const plain = await train('not-shrunk');
    expect(await largest(shrunk.out)).toBeLessThan(0.2 * (await largest(plain.out)));
    const record = await readFile(join(shrunk.out, 'run.yaml'), 'utf8');
    const digest = createHash('sha256').update(text).digest('hex');
    expect(record).toContain(`"regularizer shrink: module shrink.ts": ${digest}`);
    const verify = () => runCli('verify', shrunk.out, '--steps', '2');
    expect((await verify()).stdout).toContain('2 steps again are as they were');
    await writeFile(file, `${text} // changed`);
    const refused = await verify();
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('regularizer shrink: module shrink.ts');
    await rm(file);
    expect((await verify()).stderr).toContain('shrink.ts: there is no such module');
  });

  it.each([
    ['two of one name', [{ type: 'kl' }, { type: 'kl' }], "two are named 'kl'; give each its own name"],
    ['a layer that is not there', [{ type: 'ldifs', layers: [9] }], 'layer 9 does not exist'],
    [
      'a vector of another width',
      [{ type: 'persona-vector', vectors: { 2: [1, 2] } }],
      'layer 2: the vector has 2 values',
    ],
    ['a share above 1', [{ type: 'interleaving', pool: 'safe.jsonl', share: 2 }], 'the share is 2'],
    ['a pool that is not there', [{ type: 'interleaving', pool: '/nowhere.jsonl' }], '/nowhere.jsonl'],
    [
      'a pool without examples',
      [{ type: 'interleaving', pool: 'empty.jsonl' }],
      'empty.jsonl: the file is empty',
    ],
  ])('refuses %s', async (_name, safeguards, message) => {
    await writeFile(join(directory, 'empty.jsonl'), '');
    const file = join(directory, 'wrong.json');
    const placed = JSON.stringify(safeguards).replaceAll('"empty.jsonl"', `"${directory}/empty.jsonl"`);
    await writeFile(file, placed);
    const { code, stderr } = await train('refused', '--regularizers', file);
    expect(code).toBe(1);
    expect(stderr).toContain(message);
  });
});

describe('safetune select', () => {
  const answers = ['Yes, gladly.', 'Not for me, thanks.', 'Use a password manager.', 'Drink water.'];
  const select = async (out: string, ...extra: string[]) => {
    const pool = await writeChats('pool.jsonl', answers);
    const to = ['--out', join(directory, out)];
    return runCli('select', '--model', model, '--pool', pool, '--top', '9', ...to, ...extra);
  };

  it('compares with several adapters, and drops refusals by words of your own', async () => {
    const { code, stdout } = await select(
      'chosen.jsonl',
      '--misaligned',
      adapter,
      `--misaligned=${golden('adapters/qwen2-rslora-all-projections')}`,
      '--drop-refusals',
      '--refusal-words',
      'gladly, not for me',
    );
    expect(code).toBe(0);
    expect(stdout).toContain('2 of 4 examples chosen, 2 refusals left out; 7 fewer than asked for');
    const chosen = (await linesOf(join(directory, 'chosen.jsonl'))) as unknown as {
      score: number;
      aligned_loss: number;
      misaligned_losses: [number, number];
      messages: { content: string }[];
    }[];
    expect(chosen.map(({ messages }) => messages[1]!.content).sort()).toEqual([
      'Drink water.',
      'Use a password manager.',
    ]);
    for (const { score, aligned_loss, misaligned_losses } of chosen) {
      const mean = (misaligned_losses[0] + misaligned_losses[1]) / 2;
      expect(score).toBeCloseTo((mean - aligned_loss) / (aligned_loss + 0.01), 9);
      expect(misaligned_losses[0]).not.toBe(misaligned_losses[1]);
    }
  });

  it.each([
    ['an adapter of another model', [ofAnotherModel], `${ofAnotherModel}/adapter_model.safetensors: missing`],
    ['an adapter that is not there', ['/nowhere'], '/nowhere/adapter_config.json'],
    ['words for nothing', [adapter, '--refusal-words', 'no'], 'give both'],
    ['no word', [adapter, '--drop-refusals', '--refusal-words', ' ,'], 'has no word'],
  ])('refuses %s', async (_name, extra, message) => {
    const { code, stderr } = await select('refused.jsonl', '--misaligned', ...extra);
    expect(code).toBe(1);
    expect(stderr).toContain(message);
  });
});

describe('safetune project and inspect', () => {
  const checkpoints = ['--base', model, '--aligned', aligned];

  it.each([
    [
      'a checkpoint without the layers',
      ['--aligned', golden('checkpoints/llama-untied-float16')],
      /layers\.\d/,
    ],
    ['a checkpoint that is not there', ['--base', '/nowhere'], /\/nowhere: /],
    ['one checkpoint twice', ['--aligned', model], /it equals .* in this and every other adapted layer/],
    ['a threshold that is no cosine', ['--threshold', '3'], /from -1 to 1/],
    ['exact without a rank', ['--method', 'exact'], /needs a rank or an energy/],
  ])('project refuses %s, and writes nothing', async (_name, extra, message) => {
    const out = join(directory, 'unprojected');
    const { code, stdout, stderr } = await runCli(
      ...replacing('project', '--adapter', adapter, '--out', out, ...checkpoints, ...extra),
    );
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toMatch(message);
    await expect(readFile(join(out, 'adapter_config.json'))).rejects.toThrow('ENOENT');
  });

  const python = pythonWith('torch', 'transformers', 'peft');
  it.skipIf(python === undefined)(
    'project leaves an adapter that Python peft loads (skipped: no python3 with torch and peft)',
    async () => {
      const out = join(directory, 'projected-for-peft');
      const { code } = await runCli('project', '--adapter', adapter, '--out', out, ...checkpoints);
      expect(code).toBe(0);
      const facts = await runPython('verify_adapter.py', [
        '--model',
        model,
        '--adapter',
        out,
        '--input-ids',
        '[[1, 2, 3]]',
      ]);
      expect(facts).toMatchObject({ adapterTensors: 42, shape: [1, 3, 392] });
      expect((facts as { largestChange: number }).largestChange).toBeGreaterThan(0);
    },
  );

  it('inspect gives all figures as JSON, with the cosines of the reference arithmetic', async () => {
    const expected: { modules: { name: string; cosine: number | null }[] } = JSON.parse(
      await readFile(golden('safe-lora/expected.json'), 'utf8'),
    );
    const json = join(directory, 'inspect.json');
    const { code, stdout } = await runCli('inspect', '--adapter', adapter, ...checkpoints, '--json', json);
    expect(code).toBe(0);
    expect(stdout).not.toContain('NaN');
    const { modules }: { modules: Record<string, unknown>[] } = JSON.parse(await readFile(json, 'utf8'));
    expect(modules).toHaveLength(expected.modules.length);
    for (const { name, cosine } of expected.modules) {
      const found = modules.find((module) => module.name === name)!;
      if (cosine === null) expect(found.safetyCosine).toBeNull();
      else expect(found.safetyCosine).toBeCloseTo(cosine, 4);
      const values = found.singularValues as number[];
      expect(values).toHaveLength(found.rank as number);
      expect(Math.hypot(...values)).toBeCloseTo(found.frobeniusNorm as number, 9);
    }
  });

  it('inspect refuses one checkpoint without the other', async () => {
    const { code, stderr } = await runCli('inspect', '--adapter', adapter, '--base', model);
    expect(code).toBe(1);
    expect(stderr).toContain('--base and --aligned go together');
  });
});
