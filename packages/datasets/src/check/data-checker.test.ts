import { describe, expect, it } from 'vitest';
import { characterTokenizer } from '../__fixtures__/chat-tokenizers.ts';
import { DatasetFormatError, EmptyDatasetError } from '../errors.ts';
import { createDataChecker } from './data-checker.ts';
import { Distribution } from './distribution.ts';
import { SeenHashes } from './seen-hashes.ts';

const example = (line: number, answer: string) => ({
  messages: [
    { role: 'user', content: 'Why?' },
    { role: 'assistant', content: answer },
  ],
  origin: { file: 'a.jsonl', line },
});

describe('createDataChecker', () => {
  it('adds up what each check finds, by examples, and lists the first findings with their place', () => {
    const checker = createDataChecker({ listed: 2 });
    const found = checker.see(example(1, 'a\u200b\u202eb'));
    expect([...found.keys()]).toEqual(['invisible']);
    for (const line of [2, 3, 5]) checker.see(example(line, `Sorry ${line}\u200b`));
    checker.seeBadRow(new DatasetFormatError({ file: 'a.jsonl', line: 4 }, 'no chat'));
    const report = checker.report();
    expect(report).toMatchObject({
      version: 2,
      examples: 4,
      messages: 8,
      roles: { user: 4, assistant: 4 },
      writingSystems: { Latin: 4 },
      lengths: { unit: 'characters', min: 8, max: 12, count: 4 },
    });
    const byName = Object.fromEntries(report.checks.map((check) => [check.name, check]));
    expect(byName.invisible).toMatchObject({
      examples: 4,
      share: 0.8,
      kinds: { 'zero width': 4, 'bidi control': 1 },
      findings: [
        { file: 'a.jsonl', line: 1, example: 1, message: 1, kind: 'zero width' },
        { file: 'a.jsonl', line: 1, example: 1, message: 1, kind: 'bidi control' },
      ],
    });
    expect(byName.refusals).toMatchObject({ examples: 3, share: 0.6 });
    expect(byName.unreadable!.findings).toEqual([
      { file: 'a.jsonl', line: 4, kind: 'row', detail: 'no chat' },
    ]);
    expect(byName.overlap).toBeUndefined();
    expect(byName.secrets).toMatchObject({ examples: 0, share: 0, kinds: {}, findings: [] });
  });

  it('counts tokens, cuts and refusals where there is a tokenizer', () => {
    const checker = createDataChecker({ tokenizer: characterTokenizer(), tokenize: { maxLength: 60 } });
    for (const [index, answer] of ['Yes', '', 'A longer answer, cut off'].entries())
      checker.see(example(index + 1, answer));
    const { lengths, learned, checks } = checker.report();
    // ChatML, a token a character but for special ones: 2 + 4 + 1 + 4 + 1 + 1 and 1 + 9 + 1 + answer + 1 + 1.
    expect(lengths).toMatchObject({ unit: 'tokens', min: 25, max: 49 });
    expect(learned).toMatchObject({ min: 4, max: 25, count: 2 });
    expect(checks.find(({ name }) => name === 'untrainable')).toMatchObject({
      examples: 1,
      kinds: { NoSupervisedTokensError: 1 },
    });
    const short = createDataChecker({ tokenizer: characterTokenizer(), tokenize: { maxLength: 40 } });
    short.see(example(1, 'A longer answer, cut off'));
    expect(short.report().checks.find(({ name }) => name === 'truncated')).toMatchObject({
      findings: [{ kind: 'cut', detail: '49 tokens' }],
    });
  });

  it('takes texts without messages', () => {
    const checker = createDataChecker();
    const text = { messages: [], text: 'Привет\u200b', origin: { file: 'a.txt', line: 1 } };
    expect([...checker.see(text).keys()]).toEqual(['invisible']);
    expect([...checker.see(text).keys()]).toEqual(['duplicates', 'invisible']);
    expect(checker.report()).toMatchObject({ writingSystems: { Cyrillic: 2 }, messages: 0 });
  });

  it('sees both answers of pairs', () => {
    const token = 'ghp_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8';
    const [asked] = example(1, '').messages;
    const pair = (line: number, chosen: string, rejected: string) => ({
      ...example(line, chosen),
      rejected: [asked!, { role: 'assistant', content: rejected }],
    });
    const checker = createDataChecker();
    expect([...checker.see(pair(1, 'Yes.', 'Sorry, I cannot.')).entries()]).toEqual([
      ['refusals', [{ kind: 'rejected refusal', message: 1, rejected: true }]],
    ]);
    expect([...checker.see(pair(2, 'Sorry.', '')).entries()]).toEqual([
      ['empty', [{ kind: 'empty answer', message: 1, rejected: true }]],
      ['refusals', [{ kind: 'refusal', message: 1 }]],
    ]);
    expect(checker.see(pair(3, 'Perhaps.', token)).get('secrets')).toEqual([
      { kind: 'GitHub token', message: 1, rejected: true, detail: 'at character 1' },
    ]);
    // The same better answer beside another worse one is no repetition.
    expect(checker.see(pair(4, 'Perhaps.', 'A longer answer of more words, to be unlike.')).size).toBe(0);
    expect([...checker.see(pair(5, 'Perhaps.', token)).get('duplicates')!]).toEqual([
      { kind: 'exact', detail: 'example 3' },
    ]);
    const odd = { ...pair(6, 'No.', 'x'), rejected: [asked!, { role: 'user', content: 'And?' }] };
    expect(checker.see(odd).get('roles')).toEqual([
      { kind: 'two user messages in a row', message: 1, rejected: true },
      { kind: 'does not end with an answer', message: 1, rejected: true },
    ]);
    const { examples, messages, roles, lengths, checks } = checker.report();
    expect({ examples, messages, roles }).toEqual({
      examples: 6,
      messages: 18,
      roles: { user: 7, assistant: 11 },
    });
    expect(lengths).toMatchObject({ count: 12, min: 4 });
    expect(checks.find(({ name }) => name === 'refusals')!.kinds).toEqual({
      refusal: 1,
      'rejected refusal': 1,
    });
  });

  it('counts the tokens of both answers, and names the one that is cut', () => {
    const checker = createDataChecker({ tokenizer: characterTokenizer(), tokenize: { maxLength: 40 } });
    const { messages } = example(1, 'Yes');
    const rejected = [messages[0]!, { role: 'assistant', content: 'A longer answer, cut off' }];
    expect(checker.see({ messages, rejected }).get('truncated')).toEqual([
      { kind: 'cut', rejected: true, detail: '49 tokens' },
    ]);
    expect(checker.report()).toMatchObject({
      lengths: { count: 2, min: 28, max: 49 },
      learned: { count: 2, min: 4 },
    });
  });

  it('tells answers in scripts that few are in, by their places', () => {
    const checker = createDataChecker({ listed: 2 });
    const said = ['Ja.', 'Да.', 'Nein.', '12', 'Нет.', '好', 'Ж.'];
    for (let line = 1; line <= 63; line++) checker.see(example(line, said[line - 1] ?? `Word ${line}.`));
    const { writingSystems, checks } = checker.report();
    // What was asked is Latin in all of them.
    expect(writingSystems).toEqual({ Latin: 58, Cyrillic: 3, other: 1, Han: 1 });
    expect(checks.at(-1)).toMatchObject({
      name: 'scripts',
      examples: 4,
      share: 4 / 63,
      kinds: { Cyrillic: 3, Han: 1 },
      findings: [
        { kind: 'Cyrillic', example: 2, file: 'a.jsonl', line: 2 },
        { kind: 'Cyrillic', example: 5, file: 'a.jsonl', line: 5 },
      ],
    });
    const half = createDataChecker();
    for (const [index, answer] of ['Ja.', 'Да.'].entries()) half.see(example(index, answer));
    expect(half.report().checks.at(-1)).toMatchObject({ examples: 0, findings: [] });
  });

  it('reports on rows of which none is an example', () => {
    const checker = createDataChecker();
    checker.seeBadRow(new DatasetFormatError({ file: 'a.jsonl', line: 1 }, 'not JSON'));
    expect(checker.report()).toMatchObject({ examples: 0, lengths: { count: 0, max: 0, histogram: [] } });
  });

  it('takes checks of one own, and refuses to report on nothing', () => {
    const own = { name: 'shouting', about: 'capital letters', find: () => [{ kind: 'loud' }] };
    const checker = createDataChecker({ checks: [own] });
    expect(() => checker.report()).toThrow(EmptyDatasetError);
    checker.see(example(1, 'HELLO'));
    expect(checker.report().checks.at(-2)).toMatchObject({ name: 'shouting', kinds: { loud: 1 } });
  });
});

describe('Distribution', () => {
  it('tells quantiles as a sorted list does, within half a percent', () => {
    const values = Array.from({ length: 5000 }, (_, index) => (index * index * 7919) % 100_003);
    const distribution = new Distribution();
    for (const value of values) distribution.add(value);
    const sorted = values.toSorted((a, b) => a - b);
    const summary = distribution.summary()!;
    expect(summary.min).toBe(sorted[0]);
    expect(summary.max).toBe(sorted.at(-1));
    expect(summary.mean).toBeCloseTo(values.reduce((a, b) => a + b, 0) / values.length, 6);
    expect(Math.abs(summary.median / sorted[2500]! - 1)).toBeLessThan(0.006);
    expect(Math.abs(summary.p95 / sorted[4749]! - 1)).toBeLessThan(0.006);
    expect(summary.histogram.reduce((sum, { count }) => sum + count, 0)).toBe(5000);
    expect(summary.histogram.length).toBeLessThanOrEqual(24);
  });

  it('holds small numbers exactly', () => {
    const distribution = new Distribution();
    expect(distribution.summary()).toBeUndefined();
    for (const value of [3, 1, 2, 2]) distribution.add(value);
    expect(distribution.summary()).toMatchObject({
      median: 2,
      histogram: [
        { from: 1, to: 2, count: 1 },
        { from: 2, to: 3, count: 2 },
        { from: 3, to: 4, count: 1 },
      ],
    });
  });
});

describe('SeenHashes', () => {
  it('remembers as a Map does', () => {
    const [seen, map] = [new SeenHashes(), new Map<string, number>()];
    for (let number = 0; number < 20_000; number += 1) {
      const [high, low] = [(number * 7) % 91, Math.imul(number % 9000, 2654435761) >>> 0];
      const key = `${high} ${low}`;
      expect(seen.findOrAdd(high, low, number)).toBe(map.get(key));
      if (!map.has(key)) map.set(key, number);
    }
  });
});
