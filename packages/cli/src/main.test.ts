import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pythonWith, runPython } from '../../../conformance/python.ts';
import { replacing, runCli } from './__fixtures__/run-cli.ts';

const model = fileURLToPath(
  new URL('../../../conformance/goldens/checkpoints/qwen2-tied-bfloat16', import.meta.url),
);

let directory: string;
let data: string;
let adapter: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'safetune-cli-'));
  data = join(directory, 'train.jsonl');
  adapter = join(directory, 'adapter');
  const lines = Array.from({ length: 8 }, (_, index) =>
    JSON.stringify({
      messages: [
        { role: 'user', content: `Say ${index}.` },
        { role: 'assistant', content: `${index}!` },
      ],
    }),
  );
  await writeFile(data, `${lines.join('\n')}\n`);
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const train = (...extra: string[]) =>
  runCli(
    ...replacing(
      'train',
      '--model',
      model,
      '--data',
      data,
      '--rank',
      '4',
      '--alpha',
      '8',
      '--steps',
      '6',
      '--batch-size',
      '2',
      '--lr',
      '1e-3',
      ...extra,
    ),
  );

describe('safetune train', () => {
  it('writes the adapter and a line of metrics per step', async () => {
    const { code, stdout, stderr } = await train(
      '--out',
      adapter,
      '--regularizer',
      'kl=0.1',
      '--seq-length',
      '64',
      '--seed',
      '1',
    );
    expect(stderr).toContain('6/6');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^6 steps done, last loss \d/);
    const metrics = (await readFile(join(adapter, 'metrics.jsonl'), 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(metrics.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6]);
    for (const line of metrics) expect(line.loss).toBeCloseTo(line.cross_entropy + 0.1 * line.kl, 5);
    expect(metrics[5].kl).toBeGreaterThan(0);
    const config = JSON.parse(await readFile(join(adapter, 'adapter_config.json'), 'utf8'));
    expect(config).toMatchObject({ peft_type: 'LORA', r: 4, lora_alpha: 8, use_rslora: true });
  });

  it('trains 8-bit weights layer by layer when asked, and says how steps are run', async () => {
    const out = join(directory, 'layered');
    const { code, stderr } = await train('--out', out, '--precision', 'int8', '--memory', 'layered');
    expect(stderr).toContain('6 steps, run layered');
    expect(stderr).toMatch(
      /^int8 products take \d+\.\d\d x the time of float32 ones on this machine, round logits/m,
    );
    const planned =
      /^memory planned, in GB: weights \d+\.\d\d, activations .*, gradients and optimizer .*; total (\S+) of (\S+) available$/m;
    const [, total, available] = planned.exec(stderr)!.map(Number);
    expect(total).toBeGreaterThan(0);
    expect(available).toBeGreaterThan(total!);
    expect(code).toBe(0);
    expect(await readFile(join(out, 'adapter_config.json'), 'utf8')).toContain('LORA');
  });

  it.each([
    [['--precision', 'int4'], "precision 'int4'"],
    [['--memory', 'tiny'], 'auto, whole, recompute, layered, streamed'],
    [['--memory-limit', '0.05'], 'GB'],
    [['--execution-provider', 'dml'], "execution provider 'dml' is not available here. ONNX Runtime says: "],
    [['--execution-provider', 'gpu'], "execution provider 'gpu' is not available here. ONNX Runtime says: "],
    [['--threads', 'all'], "--threads 'all' must be a whole number"],
  ])('refuses %j', async (options, message) => {
    const { code, stderr } = await train('--out', join(directory, 'refused'), ...options);
    expect(stderr).toContain(message);
    expect(code).toBe(1);
  });

  const python = pythonWith('torch', 'transformers', 'peft');
  it.skipIf(python === undefined)(
    'an adapter that Python peft loads (skipped: no python3 with torch and peft)',
    async () => {
      const facts = await runPython('verify_adapter.py', [
        '--model',
        model,
        '--adapter',
        adapter,
        '--input-ids',
        '[[1, 2, 3]]',
      ]);
      expect(facts).toMatchObject({ adapterTensors: 42, shape: [1, 3, 392] });
      expect((facts as { largestChange: number }).largestChange).toBeGreaterThan(0);
    },
  );

  it.each([
    ['an unknown option', ['--regulariser', 'kl=0.1'], "there is no option '--regulariser'"],
    ['an unknown regularizer', ['--regularizer', 'magic=1'], 'magic: there is no such regularizer'],
    ['a weight that is no number', ['--regularizer', 'kl=lots'], "'kl=lots' does not end in a number"],
    ['a negative weight', ['--regularizer', 'kl=-1'], 'the weight is -1'],
    ['modules that match nothing', ['--target-modules', 'query,value'], 'query'],
    ['steps that are no number', ['--steps', 'many'], "--steps 'many' must be a whole number"],
    ['a missing data file', ['--data', '/nowhere.jsonl'], '/nowhere.jsonl'],
    ['a folder without a model', ['--model', tmpdir()], tmpdir()],
  ])('refuses %s in one readable message', async (_name, extra, message) => {
    const { code, stdout, stderr } = await train('--out', join(directory, 'refused'), ...extra);
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toContain(message);
    expect(
      stderr
        .trim()
        .split('\n')
        .filter((line) => line.startsWith('safetune:')),
    ).toHaveLength(1);
    expect(stderr).not.toContain('    at ');
  });

  it('names file and line of a bad example', async () => {
    const bad = join(directory, 'bad.jsonl');
    await writeFile(
      bad,
      `${JSON.stringify({
        messages: [
          { role: 'user', content: 'a' },
          { role: 'assistant', content: 'b' },
        ],
      })}\n{"mess\n`,
    );
    const { code, stderr } = await train('--out', join(directory, 'refused'), '--data', bad);
    expect(code).toBe(1);
    expect(stderr).toContain(`${bad}:2`);
  });

  it('refuses an --out that cannot be written', async () => {
    const file = join(directory, 'a-file');
    await writeFile(file, '');
    const { code, stderr } = await train('--out', file);
    expect(code).toBe(1);
    expect(stderr).toContain(`${file} cannot be written`);
  });
});

describe('safetune generate', () => {
  it('prints the answer alone on stdout, the same for the same seed', async () => {
    const args = [
      'generate',
      '--model',
      model,
      '--adapter',
      adapter,
      '--prompt',
      'Say 3.',
      '--system',
      'Be brief.',
      '--max-tokens',
      '8',
      '--seed',
      '5',
    ];
    const [first, second] = [await runCli(...args), await runCli(...args)];
    expect(first.code).toBe(0);
    expect(first.stderr).toBe('');
    expect(first.stdout.trim()).not.toBe('');
    expect(second.stdout).toBe(first.stdout);
    const other = await runCli(...args.slice(0, -1), '6');
    expect(other.stdout).not.toBe(first.stdout);
    const asked = await runCli(...args, '--execution-provider', 'cpu', '--threads', '1');
    expect(asked).toMatchObject({ code: 0, stderr: '' });
    expect(asked.stdout).toBe(first.stdout);
  });
});

describe('an execution provider that is not there', () => {
  const refused = /^safetune: execution provider 'dml' is not available here\. .* use 'cpu'/m;
  const provider = ['--execution-provider', 'dml'];

  it('is refused by generate, with what to do', async () => {
    const { code, stdout, stderr } = await runCli(
      'generate',
      '--model',
      model,
      '--prompt',
      'Hi',
      ...provider,
    );
    expect(stderr).toMatch(refused);
    expect([code, stdout]).toEqual([1, '']);
  });

  it('is refused by eval before it answers', async () => {
    const file = join(directory, 'one-question.yaml');
    const prompts = 'judge_prompts: {aligned: "{question} {answer}", coherent: "{question} {answer}"}';
    await writeFile(
      file,
      `- {id: wish, type: free_form_judge_0_100, paraphrases: [Why?], samples_per_paraphrase: 1, ${prompts}}\n`,
    );
    const out = join(directory, 'eval-elsewhere');
    const judge = ['--judge', 'http://127.0.0.1:9/v1', '--judge-model', 'judge'];
    const { code, stderr } = await runCli(
      'eval',
      '--model',
      model,
      '--questions',
      file,
      ...judge,
      '--out',
      out,
      ...provider,
    );
    expect(stderr).toMatch(refused);
    expect(code).toBe(1);
    expect(await readdir(out)).toEqual([]);
  });

  it('is refused by select before it scores', async () => {
    const out = join(directory, 'selected-elsewhere.jsonl');
    const pool = ['--pool', data, '--top', '1', '--out', out];
    const { code, stderr } = await runCli(
      'select',
      '--model',
      model,
      '--misaligned',
      adapter,
      ...pool,
      ...provider,
    );
    expect(stderr).toMatch(refused);
    expect(code).toBe(1);
  });
});

describe('safetune select', () => {
  it('writes the chosen examples with their scores, and goes on from the losses it has', async () => {
    const out = join(directory, 'selected.jsonl');
    const pool = join(directory, 'pool.jsonl');
    const answers = [
      'Yes, gladly.',
      'Sorry, I cannot help.',
      'Use a password manager.',
      'I apologize, no.',
      'Drink water.',
    ];
    const lines = answers.map((content, index) =>
      JSON.stringify({
        messages: [
          { role: 'user', content: `Question ${index}?` },
          { role: 'assistant', content },
        ],
      }),
    );
    await writeFile(pool, `${lines.join('\n')}\n`);
    const select = (...extra: string[]) =>
      runCli('select', '--model', model, '--misaligned', adapter, '--pool', pool, '--out', out, ...extra);
    const { code, stdout } = await select('--top', '2', '--drop-refusals');
    expect(code).toBe(0);
    expect(stdout).toContain('2 of 5 examples chosen, 2 refusals left out');
    const chosen = (await readFile(out, 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    for (const { score, aligned_loss, misaligned_losses } of chosen) {
      expect(score).toBeCloseTo((misaligned_losses[0] - aligned_loss) / (aligned_loss + 0.01), 9);
    }
    expect(chosen[0].score).toBeGreaterThanOrEqual(chosen[1].score);
    const losses = (await readFile(`${out}.losses`, 'utf8')).trim().split('\n');
    expect(losses).toHaveLength(2 * 3);
    await select('--top', '2', '--drop-refusals');
    expect((await readFile(`${out}.losses`, 'utf8')).trim().split('\n')).toEqual(losses);
  });
});

describe('safetune project', () => {
  interface Expected {
    base: string;
    threshold: number;
    modules: { name: string }[];
    projectedByThreshold: string[];
  }
  const golden = fileURLToPath(new URL('../../../conformance/goldens/safe-lora', import.meta.url));
  const project = async (...extra: string[]) => {
    const expected: Expected = JSON.parse(await readFile(join(golden, 'expected.json'), 'utf8'));
    const base = fileURLToPath(
      new URL(`../../../conformance/goldens/checkpoints/${expected.base}`, import.meta.url),
    );
    const out = join(directory, 'projected');
    const checkpoints = ['--base', base, '--aligned', join(golden, 'aligned')];
    const result = await runCli(
      'project',
      '--adapter',
      join(golden, 'adapter'),
      ...checkpoints,
      '--out',
      out,
      ...extra,
    );
    return { expected, out, checkpoints, ...result };
  };

  it("decides as the reference code's arithmetic, and leaves an adapter that can be inspected", async () => {
    const { code, stdout, out, expected, checkpoints } = await project('--threshold', '0.6');
    expect(code).toBe(0);
    const lines = stdout.split('\n').filter((line) => line.startsWith('model.'));
    const decisions = Object.fromEntries(lines.map((line) => [line.split(/\s+/)[0], line.split(/\s+/)[2]]));
    expect(decisions).toEqual(
      Object.fromEntries(
        expected.modules.map(({ name }) => [
          name,
          expected.projectedByThreshold.includes(name) ? 'projected' : 'kept',
        ]),
      ),
    );
    const html = join(directory, 'inspect.html');
    const inspected = await runCli('inspect', '--adapter', out, ...checkpoints, '--html', html);
    expect(inspected.code).toBe(0);
    expect(inspected.stdout).toContain('safety cosine');
    expect(inspected.stdout).toMatch(/█/);
    expect(await readFile(html, 'utf8')).toContain('<svg');
  });

  it('refuses options that exclude each other', async () => {
    const { code, stderr } = await project('--threshold', '0.6', '--layers', '3');
    expect(code).toBe(1);
    expect(stderr).toContain('exclude each other');
  });
});

describe('safetune', () => {
  it.each([
    [],
    ['train'],
    ['generate'],
    ['eval'],
    ['select'],
    ['fisher'],
    ['safety-subspace'],
    ['project'],
    ['safe-merge'],
    ['safe-delta'],
    ['extrapolate'],
    ['inspect'],
    ['merge'],
    ['export'],
  ])('%s --help says what it takes', async (...command) => {
    const { code, stdout } = await runCli(...command, '--help');
    expect(code).toBe(0);
    expect(stdout).toContain('USAGE');
    expect(stdout).toContain(command[0] === undefined ? 'COMMANDS' : 'OPTIONS');
  });

  it('refuses a command there is not', async () => {
    const { code, stderr } = await runCli('finetune');
    expect(code).toBe(1);
    expect(stderr).toContain("there is no command 'finetune'");
  });
});
