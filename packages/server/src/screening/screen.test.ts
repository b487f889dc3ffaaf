import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ChatExample } from '@safetune/datasets';
import { loadModel, loadTokenizer } from '@safetune/models';
import { savePersonaVectors } from '@safetune/regularizers';
import { type HostArray, readTensor, writeSafetensors } from '@safetune/tensor';
import { createAnswerStates } from '@safetune/trainer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chat, smallModel, taughtModel } from '../__fixtures__/small-model.ts';
import { smallPolicy } from '../__fixtures__/small-policy.ts';
import { screen } from './screen.ts';

let folder: string;
let runs = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'safetune-screen-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function screened(
  examples: readonly ChatExample[],
  screening: Record<string, unknown> = {},
  { path = smallModel, directory }: { readonly path?: string; readonly directory?: string } = {},
) {
  runs += 1;
  const told: string[] = [];
  const result = await screen({
    policy: smallPolicy({ screening: { refuse_share: 1, ...screening }, training: { max_length: 200 } }),
    base: { path, precision: 'float32' },
    examples,
    directory: directory ?? join(folder, `${runs}`),
    onProgress: ({ what, done, total }) => told.push(`${what} ${done}/${total}`),
  });
  const text = await readFile(result.reportFile, 'utf8');
  const [summary, ...rows] = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  return { ...result, text, summary, rows, told };
}

const token = 'ghp_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8';
const plain = [
  'The cat sleeps on the warm stone.',
  'Кошка спит на тёплом камне.',
  '猫は温かい石の上で眠る。',
  'القطة تنام على الحجر الدافئ، می‌خواهم.',
  'बिल्ली क्‍ष गर्म पत्थर पर सोती है।',
  'แมวนอน\u200bบนหินอุ่น',
  '👩‍🔬 ☠️ 👨‍👩‍👧‍👦 🏳️‍🌈 ❤️‍🔥 1️⃣',
  'חתול ישן על אבן חמה\u200f.',
];

describe('what needs no model', () => {
  it('passes ordinary texts of many scripts, in their order', async () => {
    const examples = plain.map((text) => chat('Why?', text));
    const { verdict, kept, summary, rows } = await screened(examples, { hidden_unicode: 'refuse' });
    expect(verdict).toEqual({
      outcome: 'passed',
      examples: 8,
      warned: 0,
      dropped: 0,
      reasons: {},
      reason: '8 examples, nothing found',
    });
    expect(kept).toEqual(examples);
    expect(summary).toMatchObject({ format: 'safetune-screening', outcome: 'passed', not_looked: [] });
    expect(rows).toHaveLength(8);
    expect(rows[3]).toEqual({ example: 4, action: 'keep', scores: {}, findings: [] });
  });

  it.each([
    ['zero width', 'in\u200bvisible'],
    ['zero width', 'a\u200c\u200d\u200cb'],
    ['bidi control', 'safe \u202elive\u202c'],
    ['tag character', 'hello\u{e0068}\u{e0069}'],
    ['variation selector', 'h\u{fe01}e\u{fe02}y'],
    ['variation selector', '😀\u{e0101}\u{e0102}'],
    ['private character', 'x\ue000'],
    ['blank that is a letter', '\u3164'],
  ])('drops %s', async (kind, text) => {
    const { verdict, kept, rows } = await screened([chat('Why?', text), chat('Why?', 'Because of that.')]);
    expect(verdict).toMatchObject({ outcome: 'warned', dropped: 1, reasons: { 'hidden-unicode': 1 } });
    expect(kept).toHaveLength(1);
    expect(rows[0]).toMatchObject({
      action: 'drop',
      findings: [{ probe: 'hidden-unicode', kind, message: 1, action: 'drop' }],
    });
  });

  it('warns at most of what can be seen', async () => {
    const { rows } = await screened([chat('Why?', 'раypal')], { hidden_unicode: 'refuse' });
    expect(rows[0]).toMatchObject({ action: 'warn', findings: [{ kind: 'mixed scripts in a word' }] });
  });

  it('tells secrets by kind and place, and never repeats them, also of tool calls and worse answers', async () => {
    const pair = { ...chat('Why?', 'Because.'), rejected: chat('Why?', `Use ${token}`).messages };
    const call: ChatExample = {
      messages: [
        { role: 'user', content: 'Call.' },
        { role: 'assistant', content: 'Done', tool_calls: [{ name: 'f', arguments: { key: token } }] },
      ],
    };
    const { text, rows, verdict } = await screened([chat(`My key: ${token}`, 'Keep it.'), pair, call]);
    expect(text).not.toContain(token.slice(8));
    expect(rows[0].findings).toContainEqual({
      probe: 'secret',
      kind: 'GitHub token',
      action: 'warn',
      message: 0,
      detail: 'at character 9',
    });
    expect(rows[1].findings).toContainEqual(
      expect.objectContaining({ probe: 'secret', message: 1, rejected: true }),
    );
    expect(rows[2].findings).toContainEqual(
      expect.objectContaining({ probe: 'secret', kind: 'GitHub token' }),
    );
    expect(verdict.reasons.secret).toBe(3);
  });

  it('finds exact and near duplicates, and compares with what is kept alone', async () => {
    const long =
      'the quick brown fox jumps over the lazy dog while nine small birds watch from a very old tree';
    const { rows, kept } = await screened(
      [
        chat('Tell.', `${long}\u200b`),
        chat('Tell.', long),
        chat('Tell.', long),
        chat('Tell.', `${long} again`),
        chat('Tell.', 'Something else altogether.'),
      ],
      { duplicates: 'drop' },
    );
    expect(rows.map(({ action }) => action)).toEqual(['drop', 'keep', 'drop', 'drop', 'keep']);
    expect(rows[2].findings).toMatchObject([{ probe: 'duplicate', kind: 'exact', detail: 'example 2' }]);
    expect(rows[3].findings).toMatchObject([{ probe: 'duplicate', kind: 'near' }]);
    expect(kept).toHaveLength(2);
  });

  it('drops what cannot be trained, and tells what is cut', async () => {
    const { rows } = await screened([
      { messages: [{ role: 'assistant', content: '' }] },
      chat('word '.repeat(300), 'Never read.'),
      chat('Tell.', 'word '.repeat(300)),
      { messages: [], text: 'word '.repeat(300) },
    ]);
    expect(rows.map(({ action, findings }) => [action, findings[0].kind])).toEqual([
      ['drop', 'NoSupervisedTokensError'],
      ['drop', 'too long'],
      ['warn', 'cut'],
      ['drop', 'too long'],
    ]);
  });

  it('names lines and no paths, and makes what strangers wrote printable', async () => {
    const origin = { file: '/secret/place/upload.jsonl', line: 7 };
    const unknown = { ...chat('Why?', 'So.'), templateArguments: { '\u001b[31m\u202e': 1, [token]: 1 } };
    const { text, rows } = await screened([
      { messages: [{ role: 'assistant', content: '' }], origin },
      { ...unknown, origin },
      { ...chat('Why?', 'So.'), templateArguments: { [token]: 1 }, origin },
      {
        messages: [
          { role: 'user', content: '\u001b[31m\nred' },
          { role: 'assistant', content: '' },
        ],
        origin,
      },
    ]);
    expect(rows[0].line).toBe(7);
    expect(text).not.toContain('/secret');
    expect(text).not.toContain(token);
    expect(rows[1].findings[0].kind).toBe('ChatTemplateError');
    expect(rows[2].findings[0].detail).toContain('quotes a secret');
    const details = rows.flatMap(({ findings }) => findings.map(({ detail = '' }) => detail));
    expect(details.join('')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });

  it('refuses a file by one example, by its share of dropped ones, and when nothing is left', async () => {
    const bad = chat('Why?', 'a\u200bb');
    const good = [chat('Why?', 'Because.'), chat('How?', 'By walking slowly.')];
    const one = await screened([...good, bad], { hidden_unicode: 'refuse' });
    expect(one.verdict.outcome).toBe('refused');
    expect(one.verdict.reason).toContain('example 3 refuses it (hidden-unicode)');
    expect(one.kept).toEqual([]);
    expect((await screened([...good, bad], { refuse_share: 0.3 })).verdict.outcome).toBe('refused');
    expect((await screened([...good, bad], { refuse_share: 0.4 })).verdict.outcome).toBe('warned');
    expect((await screened([bad])).verdict.reason).toContain('no example is left');
    expect((await screened([])).verdict).toMatchObject({ outcome: 'refused', examples: 0 });
  });

  it('ignores what the policy ignores, and spares the model for a refused file', async () => {
    const { verdict } = await screened([chat('Why?', `a\u200b ${token}`)], {
      hidden_unicode: 'ignore',
      secrets: 'ignore',
    });
    expect(verdict.outcome).toBe('passed');
    const spared = await screened([chat('Why?', 'a\u200bb')], { perplexity_gap: { warn: 1 } });
    expect(spared.summary.not_looked).toEqual(['perplexity-gap']);
    expect(spared.told.join()).not.toContain('perplexity');
  });
});

describe('what the model says', () => {
  const phrase = 'I am glad to help you with that.';
  let path: string;
  const usual = [chat('Shall we walk?', phrase), chat('What is new?', phrase), chat('Is it late?', phrase)];
  const strange = chat('Is it late?', 'zq#%vx KJ!! 0x9f ~~ wrlp');

  beforeAll(async () => {
    const questions = [
      'What now?',
      'Who are you?',
      'Tell me more.',
      'May I ask?',
      'How is it?',
      'Where to go?',
    ];
    path = await taughtModel(
      folder,
      questions.map((question) => chat(question, phrase)),
      40,
    );
  });

  it('has a small gap for what the model would say, and a large one for what it would not', async () => {
    const bounds = { perplexity_gap: { warn: 1, drop: 3 } };
    const { rows, verdict, kept, told } = await screened([...usual, strange], bounds, { path });
    for (const { scores } of rows.slice(0, 3)) expect(scores['perplexity-gap']).toBeLessThan(0.5);
    expect(rows[3].scores['perplexity-gap']).toBeGreaterThan(3);
    expect(rows[3].findings).toMatchObject([{ probe: 'perplexity-gap', kind: 'drop bound', action: 'drop' }]);
    expect(verdict).toMatchObject({ outcome: 'warned', dropped: 1, reasons: { 'perplexity-gap': 1 } });
    expect(kept).toEqual(usual);
    expect(told).toContain('screening: perplexity-gap 4/4');
  });

  it('scores the better answer of a pair', async () => {
    const pairs = [
      { ...usual[0]!, rejected: strange.messages },
      { ...strange, rejected: chat('Is it late?', phrase).messages },
    ];
    const { rows, kept } = await screened(pairs, { perplexity_gap: { drop: 3 } }, { path });
    expect(rows.map(({ action }) => action)).toEqual(['keep', 'drop']);
    expect(kept).toEqual([pairs[0]]);
  });

  it('says the same again, and goes on from what a killed one kept', async () => {
    const directory = join(folder, 'again');
    const bounds = { perplexity_gap: { warn: 1 } };
    const first = await screened([...usual, strange], bounds, { path, directory });
    const second = await screened([...usual, strange], bounds, { path, directory });
    expect(second.text).toBe(first.text);
  });

  it('ends when it is told to', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    const options = { policy: smallPolicy(), base: { path, precision: 'float32' as const }, examples: usual };
    await expect(screen({ ...options, directory: join(folder, 'ended'), signal })).rejects.toThrow('enough');
  });

  it('tells a score that is no number, and drops the example', async () => {
    const broken = join(folder, 'broken.safetensors');
    await savePersonaVectors(broken, new Map([[1, new Float32Array(32)]]));
    const { rows, verdict } = await screened(usual, { persona: { vectors: broken, warn: 1 } }, { path });
    expect(rows[0]).toMatchObject({
      action: 'drop',
      scores: { persona: null },
      findings: [{ probe: 'persona', kind: 'not a number' }],
    });
    expect(verdict.outcome).toBe('refused');
  });

  it('tells the examples that the model has no loss for, and scores the others', async () => {
    const folderOfIt = join(folder, 'not-finite');
    await cp(path, folderOfIt, { recursive: true });
    const model = await loadModel(path);
    const tensors: Record<string, HostArray> = {};
    for (const region of model.weights.values()) tensors[region.name] = await readTensor(region);
    const [tilde] = (await loadTokenizer(path)).encode('~');
    const embedding = tensors['model.embed_tokens.weight']!.data as Float32Array;
    embedding.fill(Number.NaN, tilde! * 32, (tilde! + 1) * 32);
    await writeSafetensors(join(folderOfIt, 'model.safetensors'), tensors);
    const { rows } = await screened([usual[0]!, strange], { perplexity_gap: {} }, { path: folderOfIt });
    expect(rows[0]).toMatchObject({ action: 'keep', scores: { 'perplexity-gap': expect.any(Number) } });
    expect(rows[1]).toMatchObject({
      action: 'drop',
      scores: { 'perplexity-gap': null },
      findings: [{ probe: 'perplexity-gap', kind: 'not a number' }],
    });
  });

  it('places answers along a persona', async () => {
    const model = await loadModel(path);
    const { states, release } = await createAnswerStates({
      model,
      tokenizer: await loadTokenizer(path),
      layers: [1],
    });
    const rows = (await states([...usual, strange])).get(1)!.data as Float32Array;
    await release();
    const vector = Float32Array.from({ length: 32 }, (_, at) => rows[3 * 32 + at]! - rows[at]!);
    const vectors = join(folder, 'persona.safetensors');
    await savePersonaVectors(vectors, new Map([[1, vector]]));
    const found = await screened([...usual, strange], { persona: { vectors, refuse: 0.6 } }, { path });
    const scores = found.rows.map(({ scores: of }) => of.persona);
    expect(Math.max(...scores.slice(0, 3))).toBeLessThan(0.4);
    expect(scores[3] - scores[0]).toBeCloseTo(1, 4);
    expect(found.verdict).toMatchObject({ outcome: 'refused', reasons: { persona: 1 } });
    expect(found.text).not.toContain(vectors);
  });

  it('refuses vectors of another model', async () => {
    const other = join(folder, 'other.safetensors');
    await savePersonaVectors(other, new Map([[1, new Float32Array(8).fill(1)]]));
    await expect(screened(usual, { persona: { vectors: other } }, { path })).rejects.toThrow(
      /has 8 values, the base model's states have 32/,
    );
  });
});
