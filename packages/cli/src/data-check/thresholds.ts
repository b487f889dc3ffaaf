import type { DataReport } from '@safetune/datasets';
import { UsageError } from '../usage-error.ts';

/** How much a check may find: a number of examples, or a share of them. */
interface Threshold {
  readonly check: string;
  readonly most: number;
  readonly isShare: boolean;
  /** As it was given. */
  readonly text: string;
}

/**
 * `secrets`, `secrets=10`, `duplicates=5%`.
 *
 * @throws UsageError for what is none of these, or no name of a check.
 */
export function parseThreshold(text: string, names: readonly string[]): Threshold {
  const [, check = '', most = '0', percent] = /^([a-z]+)(?:=(\d+(?:\.\d+)?)(%)?)?$/.exec(text) ?? [];
  if (!names.includes(check)) {
    throw new UsageError(
      `--fail-on '${text}' must be NAME, NAME=NUMBER or NAME=SHARE%, the names being ${names.join(', ')}`,
    );
  }
  const isShare = percent !== undefined;
  return { check, most: isShare ? Number(most) / 100 : Number(most), isShare, text };
}

/** What went beyond its threshold, each in a sentence. */
export function exceeded({ checks }: DataReport, thresholds: readonly Threshold[]): string[] {
  return thresholds.flatMap(({ check, most, isShare, text }) => {
    const found = checks.find(({ name }) => name === check);
    if (found === undefined || (isShare ? found.share : found.examples) <= most) return [];
    return [`${check}: ${found.examples} examples (${percentage(found.share)}), beyond --fail-on ${text}`];
  });
}

/** `1.2 %` */
export function percentage(share: number): string {
  return `${(100 * share).toFixed(share > 0 && share < 0.001 ? 3 : 1)} %`;
}
