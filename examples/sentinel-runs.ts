import { existsSync, readFileSync } from 'node:fs';
import type { WatchedRun } from '@safetune/organism';

/** Seeds of the runs by which bounds are chosen. */
export const calibrationSeeds: readonly number[] = [10, 11, 12];

/** Seeds of the runs that are reported. */
export const reportedSeeds: readonly number[] = [0, 1, 2, 3];

/** The runs that `sentinel.ts` has kept; none where there is no file. */
export function readWatchedRuns(journal: string): WatchedRun[] {
  if (!existsSync(journal)) return [];
  const lines = readFileSync(journal, 'utf8').trim().split('\n');
  return lines.map((line) => JSON.parse(line) as WatchedRun);
}
