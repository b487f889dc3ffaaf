import { expect, it } from 'vitest';
import { heatMap, sparkline } from './pictures.ts';

it('draws values as bars relative to the largest', () => {
  expect(sparkline([8, 4, 1, 0])).toBe('█▄▁ ');
  expect(sparkline([0, 0])).toBe('  ');
  expect(sparkline(Array.from({ length: 64 }, (_, index) => index))).toHaveLength(32);
});

it('shades cells, and marks what is not there', () => {
  expect(
    heatMap(
      ['a', 'long'],
      [
        [4, 2],
        [undefined, 1],
      ],
    ),
  ).toBe('a     █▒\nlong  ·░');
});

it('breaks a map that is wider than the terminal into blocks', () => {
  expect(
    heatMap(
      ['a', 'b'],
      [
        [4, 4, 4],
        [1, 1, 1],
      ],
      5,
    ),
  ).toBe('0 to 1\na  ██\nb  ░░\n2 to 2\na  █\nb  ░');
});
