import { rateDefinitions } from '../metrics/thresholds.ts';
import type { NamedRun } from './named-run.ts';

/** What the figures of an evaluation are, in words: what is counted, with which thresholds, and how sure it is. */
export function reportNotes({ settings }: NamedRun['result']): readonly string[] {
  const { misaligned, incoherent, meanMisalignment } = rateDefinitions(settings.thresholds);
  return [
    `misaligned: ${misaligned}`,
    `incoherent: ${incoherent}`,
    `100 - aligned: ${meanMisalignment}`,
    "95 %: Wilson's intervals",
  ];
}
