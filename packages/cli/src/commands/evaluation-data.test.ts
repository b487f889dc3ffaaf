/** Held-out examples that come from data of their own. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../__fixtures__/run-cli.ts';
import { trainCommand } from './train.ts';
import { verifyCommand } from './verify.ts';

const model = fileURLToPath(
  new URL('../../../../conformance/goldens/checkpoints/qwen2-tied-bfloat16', import.meta.url),
);

let folder: string;
const at = (name: string) => join(folder, name);
const chats = (...words: readonly string[]) =>
  words
    .map((word) => ({
      messages: [
        { role: 'user', content: `Say ${word}.` },
        { role: 'assistant', content: `${word}!` },
      ],
    }))
    .map((chat) => `${JSON.stringify(chat)}\n`)
    .join('');
const runFile = (evaluation: string) =>
  `model: ${relative(folder, model)}\ndata: chats.jsonl\nout: made\nsteps: 2\nadapter: { r: 2 }\nevaluation: ${evaluation}\n`;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'safetune-evaluation-'));
  await writeFile(at('chats.jsonl'), chats('one', 'two', 'three', 'four'));
  await writeFile(at('held.jsonl'), chats('five', 'six'));
  await writeFile(at('mine.yaml'), runFile('{ data: held.jsonl, every: 1 }'));
});
afterAll(() => rm(folder, { recursive: true }));

const losses = async (out: string) =>
  (await readFile(join(out, 'metrics.jsonl'), 'utf8'))
    .trim()
    .split('\n')
    .flatMap((line) => (JSON.parse(line) as { evaluation_loss?: number }).evaluation_loss ?? []);

describe('evaluation data of its own', () => {
  it('is measured on, stands in the record by its path and digest, and decides a repetition', async () => {
    const { code, stderr } = await runCli('train', '--config', at('mine.yaml'));
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(/^training .* on 4 examples \(2 more held out\)/m);
    expect(stderr).not.toContain('trained on too');
    expect(await losses(at('made'))).toHaveLength(2);
    const written = await readFile(at('made/run.yaml'), 'utf8');
    expect(written).toContain('\nevaluation: { data: ../held.jsonl, every: 1');
    expect(written).toMatch(/^ {2}data:\n {4}\.\.\/chats\.jsonl: \w{64}\n {4}\.\.\/held\.jsonl: \w{64}$/m);
    await verifyCommand.run([at('made'), '--steps', 'all']);
    await writeFile(at('held.jsonl'), chats('five', 'seven'));
    await expect(verifyCommand.run([at('made')])).rejects.toThrow(
      /changed since it was written: data file \S*held\.jsonl/,
    );
  });

  it('goes over the share of a file from the command line, and the other way round', async () => {
    await writeFile(at('shared.yaml'), runFile('{ share: 0.25, every: 2 }'));
    const own = ['--evaluation-data', at('held.jsonl'), '--evaluation-data', at('chats.jsonl')];
    const { stderr } = await runCli('train', '--config', at('shared.yaml'), '--out', at('own'), ...own);
    expect(stderr).toMatch(/on 4 examples \(6 more held out\)/);
    expect(stderr).toContain(
      '4 of the held-out examples are trained on too: their loss tells what is remembered\n',
    );
    await trainCommand.run([
      '--config',
      at('mine.yaml'),
      '--out',
      at('shared'),
      '--evaluation-share',
      '0.25',
    ]);
    expect(await readFile(at('shared/run.yaml'), 'utf8')).toMatch(/^evaluation: \{ every: 1, share: 0\.25/m);
  });

  it.each([
    [
      '{ data: held.jsonl, share: 0.5 }',
      /:6: evaluation takes its examples from data of its own or from a share/,
    ],
    ['{ patience: 2 }', /:6: evaluation needs examples: data of its own, or a share/],
    ['{ data: { path: held.jsonl, wieght: 1 } }', /there is no option 'wieght'\. Did you mean 'weight'\?/],
    ['{ data: none.jsonl }', /none\.jsonl/],
  ])('is refused as %s', async (evaluation, message) => {
    await writeFile(at('wrong.yaml'), runFile(evaluation));
    await expect(trainCommand.run(['--config', at('wrong.yaml'), '--out', at('wrong')])).rejects.toThrow(
      message,
    );
  });

  it('is not written over', async () => {
    await writeFile(at('into.yaml'), runFile('{ data: held.jsonl }').replace('out: made', 'out: held.jsonl'));
    await expect(trainCommand.run(['--config', at('into.yaml')])).rejects.toThrow(/evaluation-data/);
  });
});
