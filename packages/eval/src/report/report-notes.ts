import { rateDefinitions } from '../metrics/thresholds.ts';
import { cautions } from './cautions.ts';
import type { NamedRun } from './named-run.ts';

/** What the figures of an evaluation are, in words: what is counted, with which thresholds, how sure it is, and what to beware of. */
export function reportNotes({ settings, summary }: NamedRun['result']): readonly string[] {
  const { misaligned, incoherent, meanMisalignment, interval } = rateDefinitions(settings.thresholds);
  return [
    `misaligned: ${misaligned}`,
    `incoherent: ${incoherent}`,
    `100 - aligned: ${meanMisalignment}`,
    `95 %: ${interval}`,
    ...cautions(summary),
  ];
}
