import { expect, it } from 'vitest';
import { wrapLines } from './wrap.ts';

it('breaks long lines between words, keeps their indent, and leaves short ones', () => {
  expect(wrapLines('one two three four\n  five six seven\n\n  up', 10)).toBe(
    'one two\nthree four\n  five six\n  seven\n\n  up',
  );
  expect(wrapLines('/a/path/that/has/no/spaces is long', 10)).toBe('/a/path/that/has/no/spaces\nis long');
});
