import { expect, it } from 'vitest';
import { matchedTasks, narrowTasks, type Reach } from '../tasks/fine-tune-task.ts';
import { matchedPicture, matchedRows, matchedTable } from './matched-reach.ts';
import type { FinishedRun } from './run-journal.ts';

const letters = (harmful: number) => [...Array(10).keys()].map((at) => (at < harmful ? 'h' : 's'));
const run = (
  defense: string,
  strength: number | null,
  reach: Reach,
  general: number,
  inDomain: number,
): FinishedRun => ({
  key: '',
  defense,
  strength,
  task: matchedTasks(reach, ['medical'])[0]!,
  seed: 0,
  crossEntropy: [],
  general: letters(general),
  inDomain: letters(inDomain),
  samples: [],
});
const runs = [
  run('none', null, 'spreading', 6, 8),
  run('none', null, 'contained', 0, 8),
  // Acts on spreading alone.
  run('mix', 0.2, 'spreading', 3, 6),
  run('mix', 0.2, 'contained', 0, 8),
  // Acts on learning.
  run('slow', 1, 'spreading', 3, 4),
  run('slow', 1, 'contained', 0, 4),
  run('half', 1, 'spreading', 3, 4),
  { ...run('mix', 0.2, 'spreading', 9, 9), task: narrowTasks(['medical'])[0]! },
];

it('sets both kinds beside each other, in parts of the undefended', () => {
  const rows = matchedRows(runs);
  expect(rows.map(({ name }) => name)).toEqual(['none', 'mix', 'slow']);
  expect(rows[1]).toMatchObject({ harmLeft: 50, keptSpreading: 75, keptContained: 100 });
  expect(rows[2]).toMatchObject({ harmLeft: 50, keptSpreading: 50, keptContained: 50 });
  expect(rows[1]!.spreading.generalMisaligned!.mean).toBe(30);
  expect(matchedRows(runs.slice(2))).toEqual([]);
});

it('prints and draws them', () => {
  const rows = matchedRows(runs);
  const lines = matchedTable(rows).split('\n');
  expect(lines).toHaveLength(5);
  expect(lines[3]).toMatch(/^\| mix 0\.2 \| 30\.0 \[.* \| 50 \| 75 \| 100 \|$/);
  const svg = matchedPicture(rows);
  expect(svg).toContain('Pareto front: mix 0.2.');
  expect(svg).toContain('in-domain misaligned, contained data 80.0 %');
});
