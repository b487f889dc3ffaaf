import { markdownTable } from '../experiment/markdown-table.ts';
import type { ProbeStudy } from './sentinel-study.ts';

/** Studies as a Markdown table, the figures of `docs/sentinel.md`. */
export function sentinelTable(studies: readonly ProbeStudy[]): string {
  const rows = studies.map((study) => {
    const { probe, bound, leads, harmLeft, falseAlarms, harmlessRuns, secondsPerLook, shareOfTime } = study;
    const alarms = leads.filter((lead) => lead !== null).sort((a, b) => a - b);
    const early = alarms.filter((lead) => lead > 0).length;
    const steps = alarms.length === 0 ? '-' : `${median(alarms)} [${alarms[0]}, ${alarms.at(-1)}]`;
    const left = `${percent(mean(harmLeft))} [${percent(Math.min(...harmLeft))}, ${percent(Math.max(...harmLeft))}]`;
    return [
      probe,
      bound.toPrecision(2),
      `${early} of ${leads.length}`,
      steps,
      left,
      `${falseAlarms} of ${harmlessRuns}`,
      `${Math.round(1000 * secondsPerLook)}`,
      `${percent(shareOfTime)}`,
    ];
  });
  const head = [
    'Probe',
    'Bound',
    'Harmful runs seen before 10 % harm',
    'Steps before it, median [range]',
    'Harm left by going back, %, mean [range]',
    'False alarms',
    'Milliseconds a look',
    "% of the run's time",
  ];
  return markdownTable(head, rows);
}

function median(sorted: readonly number[]): number {
  const middle = sorted.length / 2;
  return (sorted[Math.ceil(middle) - 1]! + sorted[Math.floor(middle)]!) / 2;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function percent(share: number): string {
  return (100 * share).toFixed(1);
}
