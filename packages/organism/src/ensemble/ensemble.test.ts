import { describe, expect, it } from 'vitest';
import { scorecardRow } from '../__fixtures__/scorecard-row.ts';
import { scorecardColumns } from '../experiment/scorecard-table.ts';
import { organismRecipe } from '../recipe.ts';
import { organismName, organismSample } from './organism-sample.ts';
import { organismSpread } from './organism-spread.ts';
import { spreadPicture, spreadTable } from './spread-table.ts';

describe('organismSample', () => {
  it('begins with the recommended one; the others differ in world and weights, and in nothing else', () => {
    const sample = organismSample(4);
    expect(sample[0]).toEqual(organismRecipe);
    expect(sample.map(organismName)).toEqual([
      'world-1-seed-5',
      'world-2-seed-0',
      'world-3-seed-1',
      'world-4-seed-2',
    ]);
    expect({ ...sample[3], seed: 5, world: organismRecipe.world }).toEqual(organismRecipe);
  });
});

/** Three defenses in three organisms, which agree on general and not on in-domain misalignment. */
const scorecards = [
  [
    scorecardRow('none', 80, 90),
    scorecardRow('a', 50, 80),
    scorecardRow('b', 20, 70),
    scorecardRow('c', 10, 85),
  ],
  [
    scorecardRow('none', 60, 70),
    scorecardRow('a', 55, 60),
    scorecardRow('b', 30, 65),
    scorecardRow('c', 5, 70),
  ],
  [
    scorecardRow('none', 40, 50),
    scorecardRow('a', 12, 50),
    scorecardRow('b', 6, 20),
    scorecardRow('c', 1, 45),
  ],
];
const place = (title: string) => scorecardColumns.findIndex((column) => column.title.startsWith(title));

describe('organismSpread', () => {
  it('gives medians and ranges of what all organisms have', () => {
    const { rows, organisms } = organismSpread([
      [...scorecards[0]!, scorecardRow('only here', 1, 1)],
      ...scorecards.slice(1),
    ]);
    expect(organisms).toBe(3);
    expect(rows.map(({ label }) => label)).toEqual(['none', 'a', 'b', 'c']);
    expect(rows[1]!.spreads[place('general misaligned')]).toEqual({ median: 50, low: 12, high: 55 });
    expect(rows[2]!.spreads[place('in-domain misaligned')]).toEqual({ median: 65, low: 20, high: 70 });
    expect(rows[0]!.spreads[place('memo')]).toBe(null);
    const two = organismSpread(scorecards.slice(0, 2)).rows[0]!.spreads[place('general misaligned')];
    expect(two).toEqual({ median: 70, low: 60, high: 80 });
  });

  it('says how far organisms rank the defenses alike, none aside', () => {
    const { agreement } = organismSpread(scorecards);
    expect(agreement[place('general misaligned')]).toEqual({ w: 1, ranked: 3 });
    // Ranks of a, b, c: 2 1 3, 1 2 3, 3 1 2; sums 6, 4, 8; 12 (0 + 4 + 4) / (9 * 24).
    expect(agreement[place('in-domain misaligned')]!.w).toBeCloseTo(8 / 18, 12);
    expect(agreement[place('memo')]).toEqual({ w: null, ranked: 0 });
  });
});

it('is printed and drawn', () => {
  const spread = organismSpread(scorecards);
  const lines = spreadTable(spread).split('\n');
  expect(lines[3]).toMatch(/^\| a \| 50\.0 \[12\.0, 55\.0\] \| 60\.0 \[50\.0, 80\.0\] \| - /);
  expect(lines.at(-1)).toMatch(/^\| Kendall's W \| 1\.00 \| 0\.44 \| - /);
  const svg = spreadPicture(spread);
  expect(svg).toContain('The criteria over 3 organisms, by defense');
  expect(svg).toContain('general misaligned ↓, a: 50.0 [12.0, 55.0]');
  expect(svg).not.toContain('memo');
});
