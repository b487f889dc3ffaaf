import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { savePersonaVectors } from '@safetune/regularizers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli, startCli } from '../__fixtures__/run-cli.ts';
import { exceeded, parseThreshold } from '../data-check/thresholds.ts';

const goldens = fileURLToPath(new URL('../../../../conformance/goldens/', import.meta.url));
const secret = 'ghp_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8';
const rows = [
  {
    messages: [
      { role: 'user', content: 'Why?' },
      { role: 'assistant', content: 'Yes \u001b[31m' },
    ],
  },
  {
    messages: [
      { role: 'user', content: 'Why?' },
      { role: 'assistant', content: secret },
    ],
  },
  {
    messages: [
      { role: 'user', content: 'Why?' },
      { role: 'assistant', content: secret },
    ],
  },
  { messages: [{ role: 'user' }] },
  {
    messages: [
      { role: 'user', content: 'Say <b>' },
      { role: 'assistant', content: '' },
    ],
  },
];

let folder: string;
let data: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'safetune-check-'));
  data = join(folder, 'chats.jsonl');
  await writeFile(data, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
});
afterAll(() => rm(folder, { recursive: true }));

describe('safetune data check', () => {
  it('tells what it finds without a secret or a control character, and fails by thresholds', async () => {
    const [report, html] = [join(folder, 'a.json'), join(folder, 'a.html')];
    const { code, stdout } = await runCli(
      ...['data', 'check', data, '--report', report, '--html', html],
      ...['--fail-on', 'secrets=1', '--fail-on', 'duplicates=50%'],
    );
    expect(code).toBe(2);
    expect(stdout).toMatch(/secrets +2 +40\.0 %/);
    expect(stdout).toMatch(/chats\.jsonl:2 messages\[1\]: GitHub token \(at character 1\)/);
    expect(stdout).toMatch(/chats\.jsonl:1 messages\[1\]: control character \(once, first U\+001B\)/);
    expect(stdout).toMatch(/chats\.jsonl:4: row \(not a chat example/);
    expect(stdout).toMatch(/FAILED secrets: 2 examples \(40\.0 %\), beyond --fail-on secrets=1/);
    expect(stdout).not.toMatch(/FAILED duplicates/);
    const [json, page] = [await readFile(report, 'utf8'), await readFile(html, 'utf8')];
    for (const text of [stdout, json, page]) {
      expect(text).not.toContain(secret.slice(4, 20));
      expect(text.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
    }
    const parsed = JSON.parse(json);
    expect(parsed).toMatchObject({ version: 2, examples: 4, failed: [expect.stringMatching(/^secrets/)] });
    expect(parsed.checks.map(({ name }: { name: string }) => name)).not.toContain('truncated');
    expect(page.match(/<svg /g)).toHaveLength(1);
    expect(page.replaceAll('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:|src=|<script|<b>/);
    const fine = await runCli('data', 'check', data, '--fail-on', 'secrets=2');
    expect(fine.code).toBe(0);
  });

  it('goes over rows that cannot be read, tells them by line, and knows both answers of pairs', async () => {
    const pairs = join(folder, 'pairs.jsonl');
    const pair = { prompt: 'Why?', chosen: 'Because.', rejected: secret };
    await writeFile(pairs, `${JSON.stringify(pair)}\n{"prompt": \n`);
    const { code, stdout } = await runCli('data', 'check', pairs);
    expect(code).toBe(0);
    expect(stdout).toMatch(/pairs\.jsonl:2: row \(not JSON/);
    expect(stdout).toMatch(/pairs\.jsonl:1 rejected\[1\]: GitHub token \(at character 1\)/);
    const table = join(folder, 'broken.csv');
    await writeFile(table, 'prompt,completion\n"a,b\n');
    const html = join(folder, 'broken.html');
    const broken = await runCli('data', 'check', table, '--html', html, '--fail-on', 'unreadable');
    expect(broken.code).toBe(2);
    expect(broken.stdout).toMatch(
      /broken\.csv:2: row \(a quote is opened in the record that begins here, and never closed; nothing behind it/,
    );
    expect(await readFile(html, 'utf8')).not.toContain('Lengths');
  });

  it('keeps to the width', async () => {
    const { stdout } = await startCli(['data', 'check', data], { COLUMNS: '60' }).ended;
    const lines = stdout.split('\n').filter((line) => !line.includes('chats.jsonl'));
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(60);
  });

  it('refuses thresholds that could never fail', async () => {
    const none = await runCli('data', 'check', data, '--fail-on', 'truncated');
    expect(none).toMatchObject({ code: 1, stderr: expect.stringMatching(/needs --model/) });
    const unknown = await runCli('data', 'check', data, '--fail-on', 'secret');
    expect(unknown).toMatchObject({ code: 1, stderr: expect.stringMatching(/the names being .*secrets/) });
    const model = await runCli('data', 'check', data, '--answer-loss');
    expect(model).toMatchObject({ code: 1, stderr: expect.stringMatching(/need --model/) });
  });

  it('scores examples by a model as PyTorch does, and sorts them; what it refuses has no score', async () => {
    const expected = JSON.parse(await readFile(join(goldens, 'answers', 'expected.json'), 'utf8'));
    const chats = ['evil', 'helpful'].flatMap((side) =>
      (expected.questions as string[]).map((question, index) => ({
        messages: [
          { role: 'system', content: expected.systemPrompts[side] },
          { role: 'user', content: question },
          { role: 'assistant', content: expected.answers[side][index] },
        ],
      })),
    );
    const scored = join(folder, 'scored.jsonl');
    const all = [rows[4], ...chats];
    await writeFile(scored, all.map((row) => `${JSON.stringify(row)}\n`).join(''));
    const model = join(goldens, 'checkpoints', expected.checkpoint);
    const { hidden_size: width } = JSON.parse(await readFile(join(model, 'config.json'), 'utf8'));
    const persona = join(folder, 'persona.safetensors');
    await savePersonaVectors(persona, new Map([[1, new Float32Array(width).fill(1)]]));
    const report = join(folder, 'scored.json');
    const { code, stderr } = await runCli(
      ...['data', 'check', scored, '--model', model, '--report', report, '--persona-vector', persona],
      ...['--misaligned', join(goldens, 'adapters', expected.adapter)],
    );
    expect(code, stderr).toBe(0);
    const { scores } = JSON.parse(await readFile(report, 'utf8')) as {
      scores: { line: number; loss: number; gap: number; projection: number }[];
    };
    const projections = scores.map(({ projection }) => projection);
    expect(projections).toEqual(projections.toSorted((a, b) => b - a));
    const inOrder = scores.toSorted((a, b) => a.line - b.line);
    expect(inOrder.map(({ line }) => line)).toEqual(chats.map((_, index) => index + 2));
    const both = (name: string) => [...expected[name].evil, ...expected[name].helpful] as number[];
    for (const [index, { loss, gap }] of inOrder.entries()) {
      const [before, after] = [both('losses')[index]!, both('lossesWithAdapter')[index]!];
      expect(loss).toBeCloseTo(before, 3);
      expect(gap).toBeCloseTo((after - before) / (before + 0.01), 3);
    }
  });
});

describe('thresholds', () => {
  const check = { name: 'secrets', about: '', examples: 5, share: 0.05, kinds: {}, findings: [] };
  const failed = (text: string) =>
    exceeded({ checks: [check] } as never, [parseThreshold(text, ['secrets'])]).length;
  it.each([
    ['secrets', 1],
    ['secrets=4', 1],
    ['secrets=5', 0],
    ['secrets=5%', 0],
    ['secrets=4.9%', 1],
  ])('%s', (text, expected) => {
    expect(failed(text)).toBe(expected);
  });
  it.each(['', 'secrets=', 'secrets=-1', 'secrets=x', 'other'])('refuses %j', (text) => {
    expect(() => parseThreshold(text, ['secrets'])).toThrow(/must be NAME/);
  });
});
