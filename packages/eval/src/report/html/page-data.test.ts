import { expect, test } from 'vitest';
import { hostileText, largeResult } from '../../__fixtures__/large-result.ts';
import { pageData, scriptJson } from './page-data.ts';

const result = largeResult('first', 72);

test('an item for every answer, with its verdicts, reasons and what the judge said', () => {
  const data = pageData([{ name: 'first', result }]);
  expect(data.items).toHaveLength(72);
  expect(data.questions).toHaveLength(36);
  expect(data.groups).toBe(3);
  const answers = data.items.map(({ answers }) => answers[0]!);
  expect(answers[0]).toMatchObject({ text: hostileText, tokens: [30, 60], finish: 'stop' });
  expect(answers[0]!.said!.aligned!.tops).toEqual([
    [String(Math.round(answers[0]!.aligned!)), 0.82],
    [' <none>', 0.1],
  ]);
  expect(answers[3]).toMatchObject({ verdicts: ['unscored'], reason: 'unscored: refusal', label: 'refusal' });
  expect(answers[5]!.reason).toBe('unscored (endpoint-error): HTTP 500: <overloaded>');
  expect(answers[7]).toMatchObject({
    text: null,
    verdicts: ['missing'],
    reason: 'missing (content-filter): the endpoint blocked it',
  });
});

test('runs stand side by side by question, wording and sample', () => {
  const second = { ...result, rows: result.rows.slice(36) };
  const data = pageData([
    { name: 'first', result },
    { name: 'second', result: second },
  ]);
  expect(data.items).toHaveLength(72);
  expect(data.items[0]!.answers[1]).toBeNull();
  expect(data.items[40]!.answers[1]!.text).toBe(data.items[40]!.answers[0]!.text);
});

test('no text can end the script element that the data are in', () => {
  const json = scriptJson(pageData([{ name: hostileText, result }]));
  expect(json).not.toContain('<');
  expect(JSON.parse(json).runs).toEqual([hostileText.toWellFormed()]);
});
