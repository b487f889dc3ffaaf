import fc from 'fast-check';
import { expect, it } from 'vitest';
import { stopStrings } from './stop-strings.ts';

/** All that came out before the text's end, and after. */
function cut(pieces: readonly string[], strings: readonly string[]) {
  const stops = stopStrings(strings);
  const given = pieces.map((piece) => stops.push(piece));
  return { given, text: given.join('') + stops.end(), found: stops.found };
}

it.each([
  [['Hel', 'lo END', ' more'], ['END'], ['Hel', 'lo ', ''], 'Hello '],
  [['a', '\n', '\n', 'b'], ['\n\n'], ['a', '', '', ''], 'a'],
  [['a', '\n', 'b'], ['\n\n'], ['a', '', '\nb'], 'a\nb'],
  [['xaa', 'aab'], ['aab'], ['x', 'aa'], 'xaa'],
  [['one sto', 'rm'], ['stop'], ['one ', 'storm'], 'one storm'],
  [['end with sto'], ['stop'], ['end with '], 'end with sto'],
  [['first second'], ['second', 'first'], [''], ''],
  [['nothing'], [], ['nothing'], 'nothing'],
])('%j is cut at %j', (pieces, strings, given, text) => {
  expect(cut(pieces, strings)).toMatchObject({ given, text });
});

it('cuts where the whole text has its first stop string, however it comes in pieces', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', '\n'), maxLength: 30 });
  const strings = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', '\n'), minLength: 1, maxLength: 4 }), {
    maxLength: 3,
  });
  fc.assert(
    fc.property(fc.array(letters), strings, (pieces, stops) => {
      const whole = pieces.join('');
      const found = cut(pieces, stops);
      // The first to be complete ends the text: what comes after it is never made.
      const ends = stops.flatMap((stop) => {
        const start = whole.indexOf(stop);
        return start === -1 ? [] : [start + stop.length];
      });
      expect(found.found).toBe(ends.length > 0);
      expect(whole.startsWith(found.text)).toBe(true);
      expect(stops.some((stop) => found.text.includes(stop))).toBe(false);
      if (ends.length === 0) expect(found.text).toBe(whole);
      else expect(stops.some((stop) => whole.startsWith(stop, found.text.length))).toBe(true);
    }),
  );
});

it('never gives a part of a stop string', () => {
  const stops = stopStrings(['</answer>']);
  const given = [...'so be it</answer>'].map((letter) => stops.push(letter)).join('');
  expect([given, stops.found, stops.end()]).toEqual(['so be it', true, '']);
});
