import { expect, it } from 'vitest';
import { canonicalJson } from './canonical-json.ts';

it('writes the example of RFC 8785, section 3.2.4', () => {
  const value = {
    numbers: [Number('333333333.33333329'), 1e30, 4.5, 2e-3, 0.000000000000000000000000001],
    string: '\u20ac$\u000F\u000aA\'\u0042\u0022\u005c\\"/',
    literals: [null, true, false],
  };
  expect(canonicalJson(value)).toBe(
    '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
  );
});

it('sorts keys by their UTF-16 units, as section 3.2.3 does', () => {
  const keys = ['\u20ac', '\r', '\ufb33', '1', '\u{1f600}', '\u0080', '\u00f6'];
  const text = canonicalJson(Object.fromEntries(keys.map((key) => [key, 0])));
  expect(Object.keys(JSON.parse(text))).toEqual([
    '1',
    '\r',
    '\u0080',
    '\u00f6',
    '\u20ac',
    '\u{1f600}',
    '\ufb33',
  ]);
  expect(text.indexOf('1f600')).toBe(-1);
  expect(text.indexOf('\u{1f600}')).toBeLessThan(text.indexOf('\ufb33'));
});

it.each([[Number.NaN], [Infinity], [undefined], [{ a: undefined }], ['\ud800'], [() => 0], [1n]])(
  'refuses %s',
  (value) => {
    expect(() => canonicalJson(value)).toThrow(TypeError);
  },
);

it('writes minus zero as zero', () => {
  expect(canonicalJson([-0])).toBe('[0]');
});
