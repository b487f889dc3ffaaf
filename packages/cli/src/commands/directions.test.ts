import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadDirections, loadPersonaVectors } from '@safetune/regularizers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../__fixtures__/run-cli.ts';

const goldens = (path: string) =>
  fileURLToPath(new URL(`../../../../conformance/goldens/${path}`, import.meta.url));
const model = goldens('checkpoints/qwen2-tied-bfloat16');
const adapter = goldens('adapters/qwen2-rslora-all-projections');

let folder: string;
let data: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'safetune-directions-'));
  data = join(folder, 'answers.jsonl');
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

describe('safetune directions', () => {
  it('writes what caft takes, and tells of each component', async () => {
    const out = join(folder, 'directions.safetensors');
    const options = ['--data', data, '--layers', '1,3', '--components', '2', '--out', out];
    const found = await runCli(
      'directions',
      '--model',
      model,
      '--adapter',
      adapter,
      ...options,
      '--show',
      '1',
    );
    expect([found.code, found.stderr]).toEqual([0, '']);
    const lines = found.stdout.trim().split('\n');
    // Four components, each with an answer at either end, and what was written.
    expect(lines).toHaveLength(4 * 3 + 1);
    expect(lines[0]).toMatch(/^layer 1, component 0: \d+\.\d % of the variance$/);
    expect(lines[1]).toMatch(/^ {2}\+ (Drink water\.|Ask a friend, then listen\.|It depends on the book\.)$/);
    expect(lines[2]).toMatch(/^ {2}- /);
    expect(lines.at(-1)).toMatch(
      /^2 components of 2 layers, of what the adapter changes at \d+ tokens of 3 examples/,
    );
    const directions = loadDirections(out);
    expect([...directions].map(([layer, { length }]) => [layer, length])).toEqual([
      [1, 2],
      [3, 2],
    ]);

    expect((await runCli('directions', '--model', model, ...options)).stderr).toContain('--force');
    const again = await runCli('directions', '--model', model, ...options, '--force');
    expect(again.stdout).toContain('of the stream at');
    expect(loadDirections(out).get(1)![0]).not.toEqual(directions.get(1)![0]);

    const regularizers = join(folder, 'caft.yaml');
    await writeFile(regularizers, `- { type: caft, directions: '${out}', components: { 1: [1] } }\n`);
    const trained = join(folder, 'adapter');
    const run = ['--data', data, '--steps', '2', '--rank', '2', '--out', trained];
    const { code, stderr } = await runCli('train', '--model', model, ...run, '--regularizers', regularizers);
    expect(stderr).toContain('safeguards: caft');
    expect(code).toBe(0);
    expect(await readFile(join(trained, 'run.yaml'), 'utf8')).toContain('regularizer caft: directions');
  });

  it('refuses layers that are no numbers', async () => {
    const args = ['--model', model, '--data', data, '--layers', '1,last', '--out', join(folder, 'none')];
    expect((await runCli('directions', ...args)).stderr).toContain("--layers 'last' must be a number from 0");
  });
});

describe('safetune persona-vector', () => {
  it('writes vectors that caft and persona-vector take', async () => {
    const questions = join(folder, 'questions.yaml');
    await writeFile(
      questions,
      '- { id: one, type: free_form, paraphrases: [How are you?, What do you want?] }\n',
    );
    const out = join(folder, 'evil.safetensors');
    const args = [
      '--model',
      model,
      '--questions',
      questions,
      '--layers',
      '2',
      '--max-tokens',
      '4',
      '--out',
      out,
    ];
    const { code, stdout, stderr } = await runCli('persona-vector', ...args);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^vectors of 1 layers, from [12] answers as the bad persona and [12] as the good one/,
    );
    expect([...loadPersonaVectors(out).keys()]).toEqual([2]);
    expect(loadDirections(out).get(2)).toEqual([loadPersonaVectors(out).get(2)]);
    const other = await runCli('persona-vector', ...args, '--force', '--evil', 'You lie.', '--seed', '3');
    expect(other.code).toBe(0);
  });
});
