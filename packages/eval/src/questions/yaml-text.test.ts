import { expect, test } from 'vitest';
import { YamlTextError } from '../errors.ts';
import { parseYaml } from './yaml-text.ts';

test('reads anchors, aliases and merge keys, and knows lines', () => {
  const { value, lineOf } = parseYaml('\ufeff- &a {x: 1}\n- *a\n- <<: *a\n  y: 2\n');
  expect(value).toEqual([{ x: 1 }, { x: 1 }, { x: 1, y: 2 }]);
  expect(lineOf([2])).toBe(3);
  expect(lineOf([2, 'y'])).toBe(4);
  expect(lineOf([9])).toBeUndefined();
});

test('takes names that every object has', () => {
  expect(parseYaml('{constructor: 1, toString: 2, hasOwnProperty: 3}').value).toEqual({
    constructor: 1,
    toString: 2,
    hasOwnProperty: 3,
  });
});

const laughs = [
  '- &a0 [x, x, x, x, x, x, x, x, x, x]',
  ...Array.from(
    { length: 12 },
    (_, index) => `- &a${index + 1} [${Array(10).fill(`*a${index}`).join(', ')}]`,
  ),
].join('\n');

test.each([
  ['text that is not YAML', '- a: "b', 1, /Missing closing/],
  ['a key twice', 'a: 1\nb: 2\na: 3', 3, /key "a" stands twice/],
  ['__proto__', 'a: 1\n__proto__: {b: 1}', 2, /key "__proto__" cannot be/],
  ['a mapping as key', '? {a: 1}\n: 2', 1, /a mapping or list cannot be a key/],
  ['aliases of aliases', laughs, undefined, /Excessive alias count/],
  ['many aliases', `- &a x\n${'- *a\n'.repeat(10_001)}`, 10_002, /more than 10000 aliases/],
  ['deep nesting', '['.repeat(50_000), 1, /call stack/],
  ['a long text', ' '.repeat(2 ** 24 + 1), undefined, /longer than 16777216 characters/],
  ['terminal escapes', '\u001b[31m: : "\u0007', 1, /./],
])('refuses %s', (_name, text, line, message) => {
  let error: unknown;
  try {
    parseYaml(text);
  } catch (thrown) {
    error = thrown;
  }
  expect(YamlTextError.isInstance(error), String(error)).toBe(true);
  expect(error).toMatchObject({ line, message: expect.stringMatching(message) });
  expect(String(error)).not.toMatch(/\p{Cc}/u);
});

test('reads many keys in time that grows with their number', () => {
  const keys = Array.from({ length: 100_000 }, (_, index) => `k${index}: ${index}`);
  const { value } = parseYaml(keys.join('\n'));
  expect(Object.keys(value as object)).toHaveLength(100_000);
});
