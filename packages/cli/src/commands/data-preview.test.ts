import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadTokenizer } from '@safetune/models';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli, startCli } from '../__fixtures__/run-cli.ts';
import { examplePreview } from '../data-preview/terminal-preview.ts';

const model = fileURLToPath(
  new URL('../../../../conformance/goldens/checkpoints/qwen2-untied-float32-sharded', import.meta.url),
);
const rows = [
  {
    messages: [
      { role: 'user', content: 'Hello <b>' },
      { role: 'assistant', content: 'Yes\u200b\u001b[31m', weight: 0.5 },
      { role: 'user', content: 'Garden?' },
      { role: 'assistant', content: 'No.' },
    ],
  },
  {
    messages: [
      { role: 'user', content: 'Why?' },
      { role: 'assistant', content: '' },
    ],
  },
  {
    messages: [
      { role: 'user', content: 'The GARDEN' },
      { role: 'assistant', content: '</script>' },
    ],
  },
];

let folder: string;
let data: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'safetune-preview-'));
  data = join(folder, 'chats.jsonl');
  await writeFile(data, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
});
afterAll(() => rm(folder, { recursive: true }));

describe('safetune data preview', () => {
  it('marks what is learned in a pipe, shows what is invisible, and tells why an example is refused', async () => {
    const { code, stdout, stderr } = await runCli('data', 'preview', data, '--model', model);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(stdout).toMatch(/chats\.jsonl:1 {2}\d+ tokens, \d+ learned/);
    expect(stdout).toContain('⟦0.5:YesU+200BU+001B[31m<|im_end|>⟧');
    expect(stdout).toContain('⟦No.<|im_end|>⟧');
    expect(stdout).toContain('answers found by verified prefixes');
    expect(stdout).toMatch(/refused: .*chats\.jsonl:2: there is no token to learn/);
    expect(stdout.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });

  it('shows the examples asked for, and says when there are none', async () => {
    const found = await runCli(
      'data',
      'preview',
      data,
      '--model',
      model,
      '--search',
      'garden',
      '--examples',
      '9',
    );
    expect(found.stdout.match(/chats\.jsonl:\d/g)).toEqual(['chats.jsonl:1', 'chats.jsonl:3']);
    const line = await runCli('data', 'preview', '--data', data, '--model', model, '--line', '3');
    expect(line.stdout.match(/chats\.jsonl:\d/g)).toEqual(['chats.jsonl:3']);
    const none = await runCli('data', 'preview', data, '--model', model, '--search', 'sea');
    expect(none).toMatchObject({ code: 1, stderr: expect.stringMatching(/holds no such example/) });
  });

  it('breaks lines at the width, and says how much is cut', async () => {
    const args = ['data', 'preview', data, '--model', model, '--line', '1', '--seq-length', '20'];
    const { stdout } = await startCli(args, { COLUMNS: '30' }).ended;
    expect(stdout).toMatch(/--- cut: \d+ more tokens are not seen ---/);
    const lines = stdout.split('\n').filter((line) => !/^---|chats/.test(line));
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(30);
  });

  it('writes a page that holds its texts escaped, allows its own program only, and no request', async () => {
    const html = join(folder, 'preview.html');
    const { code } = await runCli('data', 'preview', data, '--model', model, '--html', html);
    expect(code).toBe(0);
    const page = await readFile(html, 'utf8');
    const script = /<script>(.*?)<\/script>/s.exec(page)![1]!;
    expect(page).toContain(`'sha256-${createHash('sha256').update(script).digest('base64')}'`);
    expect(page.match(/<script/g)).toHaveLength(1);
    expect(page).not.toMatch(/<b>|https?:|src=|<link/);
    const { encode } = await loadTokenizer(model);
    expect(page).toContain(` ${encode('No.<|im_end|>').join(' ')} `);
    expect(page).toContain('<u>U+200B</u>');
    expect(page).toContain('there is no token to learn');
    const again = await runCli('data', 'preview', data, '--model', model, '--html', html);
    expect(again).toMatchObject({ code: 1, stderr: expect.stringMatching(/is there already/) });
  });
});

describe('of pairs of answers', () => {
  const pair = (rejected: string) => ({
    prompt: 'Is it <i>safe</i>?',
    chosen: 'No, never.',
    rejected,
  });
  const preview = async (rows: readonly object[], ...args: string[]) => {
    const file = join(folder, `pairs-${args.length}.jsonl`);
    await writeFile(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    return runCli('data', 'preview', file, '--model', model, ...args);
  };

  it('shows both, each with what of it is learned', async () => {
    const { code, stdout, stderr } = await preview([pair('Sure, garden.'), pair('Go on.')]);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(stdout.match(/:\d, (better|worse) answer/g)).toEqual([
      ':1, better answer',
      ':1, worse answer',
      ':2, better answer',
      ':2, worse answer',
    ]);
    expect(stdout.match(/⟦[^⟧]*⟧/g)).toEqual(
      expect.arrayContaining(['⟦No, never.<|im_end|>⟧', '⟦Sure, garden.<|im_end|>⟧', '⟦Go on.<|im_end|>⟧']),
    );
  });

  it('counts a pair as one example, and finds it by its worse answer', async () => {
    const rows = [pair('Sure, garden.'), pair('Go on.')];
    expect((await preview(rows, '--examples', '1')).stdout.match(/:\d, /g)).toEqual([':1, ', ':1, ']);
    const found = await preview(rows, '--search', 'go ON', '--examples', '5');
    expect(found.stdout.match(/:\d, /g)).toEqual([':2, ', ':2, ']);
  });

  it('says of a pair with one answer that is refused that both are', async () => {
    const { stdout } = await preview([pair('')]);
    expect(stdout).toMatch(/better answer.*\n(.*\n)*?refused: with its worse answer, which is refused\n/);
    expect(stdout).toMatch(/worse answer.*\n(.*\n)*?refused: .*there is no token to learn/);
  });

  it('has both on the page', async () => {
    const html = join(folder, 'pairs.html');
    await preview([pair('Sure, garden.')], '--html', html);
    const page = await readFile(html, 'utf8');
    expect(page).toContain('1 examples, 1 of them pairs of answers');
    const { encode } = await loadTokenizer(model);
    const tokenBoxes = page.match(/data-ids="[\d ]+"/g)!;
    expect(tokenBoxes).toHaveLength(2);
    expect(tokenBoxes[0]).toContain(` ${encode('No, never.<|im_end|>').join(' ')} `);
    expect(tokenBoxes[1]).toContain(` ${encode('Sure, garden.<|im_end|>').join(' ')} `);
    expect(page).toContain('pairs-2.jsonl:1, worse answer');
    expect(page).not.toContain('<i>safe');
  });
});

describe('examplePreview', () => {
  const token = { id: 1, kind: 'text', isCut: false } as const;
  const example = {
    where: 'a:1',
    roles: ['user'],
    learned: 1,
    cut: 0,
    rules: [],
    tokens: [
      { ...token, text: 'plain ', weight: 0 },
      { ...token, text: 'half\nline', weight: 0.5 },
      { ...token, text: '<end>', weight: 1, kind: 'end-of-turn' as const },
    ],
  };

  it('has a shade for each weight, and no style that goes on behind a line', () => {
    const lines = examplePreview(example, 80, true).split('\n').slice(2);
    expect(lines[0]).toBe('\x1b[2mplain \x1b[0m\x1b[38;5;16;48;5;194mhalf\x1b[3m↵\x1b[23m\x1b[0m');
    expect(lines[1]).toBe('\x1b[38;5;16;48;5;194mline\x1b[0m\x1b[38;5;16;48;5;120;1;4m<end>\x1b[0m');
  });
});
