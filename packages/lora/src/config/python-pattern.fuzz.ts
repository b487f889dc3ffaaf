import fc from 'fast-check';
import { expect, it } from 'vitest';
import { fullMatch, matchWithin } from './python-pattern.ts';

const numRuns = 2000 * Number(process.env.FUZZ_FACTOR ?? 1);

/** Patterns in the syntax that JavaScript, Python and RE2 read alike. */
const pattern = fc.letrec<{ pattern: string }>((tie) => ({
  pattern: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom('a', 'b', '.', '\\.', '\\d', '\\w', '[ab]', '[^a]', 'layers', '\\b', '^', '$'),
    fc.tuple(tie('pattern'), tie('pattern')).map(([left, right]) => `${left}${right}`),
    fc.tuple(tie('pattern'), tie('pattern')).map(([left, right]) => `(?:${left}|${right})`),
    fc
      .tuple(tie('pattern'), fc.constantFrom('*', '+', '?', '*?', '{1,3}'))
      .map(([inner, repeat]) => `(${inner})${repeat}`),
  ),
})).pattern;
const name = fc.string({ unit: fc.constantFrom('a', 'b', '.', '1', 'layers', '_'), maxLength: 12 });

it(`matches ${numRuns} patterns as a backtracking matcher does`, () => {
  fc.assert(
    fc.property(pattern, pattern, fc.array(name, { maxLength: 8 }), (body, condition, names) => {
      const negative = `(?!${condition})(?:${body})`;
      for (const text of names) {
        expect(fullMatch(body).matches(text), `${body} ${text}`).toBe(
          new RegExp(`^(?:${body})$`, 'u').test(text),
        );
        expect(fullMatch(negative).matches(text), `${negative} ${text}`).toBe(
          new RegExp(`^(?:${negative})$`, 'u').test(text),
        );
        expect(matchWithin('(.*\\.)?(', body, ')$').matches(text), `${body} ${text}`).toBe(
          new RegExp(`^(?:(.*\\.)?(${body})$)`, 'u').test(text),
        );
      }
    }),
    { numRuns },
  );
});

it(`takes or refuses ${numRuns} texts as patterns with a SyntaxError`, () => {
  const text = fc.string({ unit: fc.constantFrom(...'()[]{}?*+|\\^$.,:=!<>Pi1a-'), maxLength: 16 });
  fc.assert(
    fc.property(text, (source) => {
      try {
        fullMatch(source).matches('model.layers.1.a');
        matchWithin('(', source, ')$').matches('model.layers.1.a');
      } catch (error) {
        expect(error).toBeInstanceOf(SyntaxError);
      }
    }),
    { numRuns },
  );
});
